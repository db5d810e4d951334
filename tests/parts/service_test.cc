// SPDX-License-Identifier: ISC

#include "client/service.h"

#include "check.h"

using namespace tunnel;

TEST(the_unit_names_program_and_configuration_as_one_word_each)
{
    const std::string plain = service_unit("/usr/bin/tunnel", "/home/a/tunnel.yaml");
    CHECK(plain.find("\nExecStart=\"/usr/bin/tunnel\" start --all --config "
                     "\"/home/a/tunnel.yaml\"\n") != std::string::npos);
    const std::string odd = service_unit("/usr/bin/tunnel", "/home/a \"b\"/50% $x\\y");
    CHECK(odd.find("--config \"/home/a \\\"b\\\"/50%% $$x\\\\y\"\n") != std::string::npos);
}
