dnl SPDX-License-Identifier: ISC
dnl The few macros that configure.ac needs, so that neither automake nor aclocal takes part.

AC_DEFUN([TN_PKG_NEEDS],[AC_ARG_VAR([PKG_CONFIG],[path to pkg-config])
AC_CHECK_TOOL([PKG_CONFIG],[pkg-config],[:])])

dnl TN_PKG(NAME, pkg-config modules, Debian package): a library that must be there.
AC_DEFUN([TN_PKG],[AC_REQUIRE([TN_PKG_NEEDS])dnl
AC_ARG_VAR([$1_CFLAGS],[compiler flags for $2])AC_ARG_VAR([$1_LIBS],[linker flags for $2])dnl
AC_MSG_CHECKING([for $2])
AS_IF([test -n "$$1_LIBS"],[],[$PKG_CONFIG --exists "$2" 2>/dev/null],
  [$1_CFLAGS=`$PKG_CONFIG --cflags "$2"`; $1_LIBS=`$PKG_CONFIG --libs "$2"`],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([$2 not found: install the Debian package $3, or run ./quickstart, which does])])
AC_MSG_RESULT([yes])])

dnl TN_PKG_OPT(NAME, modules, switch, what it is for, Debian package): a library we can do without.
AC_DEFUN([TN_PKG_OPT],[AC_REQUIRE([TN_PKG_NEEDS])dnl
AC_ARG_WITH([$3],[AS_HELP_STRING([--with-$3],[$4 @<:@auto@:>@])],[],[with_$3=auto])
have_$1=no
AC_MSG_CHECKING([for $2])
AS_IF([test "x$with_$3" = xno],[],[$PKG_CONFIG --exists "$2" 2>/dev/null],
  [have_$1=yes; $1_CFLAGS=`$PKG_CONFIG --cflags "$2"`; $1_LIBS=`$PKG_CONFIG --libs "$2"`])
AC_MSG_RESULT([$have_$1])
AS_IF([test "x$with_$3$have_$1" = xyesno],
  [AC_MSG_ERROR([--with-$3 was asked for, but $2 was not found: install the Debian package $5])])
AC_SUBST([$1_CFLAGS]) AC_SUBST([$1_LIBS]) AC_SUBST([have_$1])])

dnl TN_HARDEN(FLAG): adds FLAG to HARDEN_CFLAGS if the compiler takes it without a word.
AC_DEFUN([TN_HARDEN],[AC_MSG_CHECKING([whether $CC takes $1])
tn_saved="$CFLAGS"; CFLAGS="$CFLAGS -Werror $1"
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([],[])],
  [AC_MSG_RESULT([yes]); HARDEN_CFLAGS="$HARDEN_CFLAGS $1"],[AC_MSG_RESULT([no])])
CFLAGS="$tn_saved"])
