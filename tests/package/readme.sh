# SPDX-License-Identifier: ISC
# Run in a fresh Debian root by readme_test.sh: the machine that the README supposes, with its DNS records.
echo '127.0.0.1 tunnel.example.com myapp.tunnel.example.com' >>/etc/hosts
echo "127.0.1.1 $(hostname)" >>/etc/hosts
useradd --create-home --groups sudo alice
echo '%sudo ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/test
echo 'a page of the laptop' >/home/alice/index.html
cp /deb/*.deb /home/alice/
exec runuser -u alice -- env HOME=/home/alice USER=alice python3 -B readme.py README.md
