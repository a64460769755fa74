// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "steps/resolved/resolved.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;

namespace {

File drop_in(const std::vector<std::string>& servers, const std::vector<std::string>& domains)
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.host.name_servers = servers;
        inputs.spec.host.search_domains = domains;
        return file_in(plan_resolved(inputs), std::string(resolved_drop_in));
}

} // namespace

TEST_CASE("The drop-in of systemd-resolved has the same bytes as nodeadm's", "[resolved]")
{
        CHECK(drop_in({"8.8.8.8", "8.8.4.4"}, {}).content == "[Resolve]\nDNS=8.8.8.8 8.8.4.4\n\n");
        CHECK(drop_in({}, {"example.com", "test.local"}).content ==
                "[Resolve]\n\nDomains=example.com test.local\n");
        CHECK(drop_in({"fd00::2"}, {"~."}).content == "[Resolve]\nDNS=fd00::2\nDomains=~.\n");
        CHECK(drop_in({}, {}).kind == File::Kind::absent);
}
