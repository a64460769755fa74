// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "steps/hosts/hosts.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::refusal;
using test::TemporaryDirectory;
using Texts = std::vector<std::string>;

namespace {

const std::string host = "abc.gr7.us-west-2.eks.amazonaws.com";
const std::string endpoint = "https://" + host + ":6443/x";
const std::string begin = "# BEGIN eksnode: the API server, see eks-hosts.service(8)\n";
const std::string end = "# END eksnode\n";

std::string block(const Texts& addresses)
{
        auto text = begin;
        for (const auto& address : addresses)
                text += address + "\t" + host + "\n";
        return text + end;
}

// The step, with a resolver that fails so many times.
struct Machine {
        TemporaryDirectory root{};
        Texts answer{"10.0.0.1"};
        int failures = 0;
        int tries = 0;
        std::vector<std::chrono::milliseconds> slept{};
        std::string summary{};
        bool changed = false;

        void run()
        {
                const auto prefix = root.root();
                const Log log("eks-hosts", Level::err);
                Context context(prefix, log);
                tries = 0;
                slept.clear();
                update_hosts(context, endpoint,
                        {.lookup =
                                        [&](const std::string& wanted) {
                                                CHECK(wanted == host);
                                                if (++tries <= failures)
                                                        throw Error(failure::host_unresolved, "no DNS");
                                                return answer;
                                        },
                                .sleep = [&](auto time) { slept.push_back(time); }});
                summary = context.summary();
                changed = context.changed();
        }
        std::string hosts() const { return root.read(hosts_path); }
};

} // namespace

TEST_CASE("The host of an endpoint is without port and path; an address does not count", "[hosts]")
{
        CHECK(endpoint_host("https://a.example.com") == "a.example.com");
        CHECK(endpoint_host("https://a.example.com:6443") == "a.example.com");
        CHECK(endpoint_host("https://a.example.com/x:y") == "a.example.com");
        CHECK(endpoint_host(endpoint) == host);
        for (const auto* address : {"https://10.0.0.1", "https://10.0.0.1:6443/x", "https://[fd00::1]:6443"})
                CHECK(endpoint_host(address).empty());
}

TEST_CASE("A block is put at the end once, and then replaced in its place", "[hosts]")
{
        const Texts first{"10.0.0.1", "10.0.0.2"};
        struct Row {
                std::string before;
                std::string after;
        };
        const auto ours = block(first);
        const std::vector<Row> rows{
                {"", ours},
                {"127.0.0.1 localhost\n", "127.0.0.1 localhost\n" + ours},
                {"127.0.0.1 localhost", "127.0.0.1 localhost\n" + ours},
                {"\xff\r\n\t\n\n", "\xff\r\n\t\n\n" + ours},
                {"a\n" + block({"10.9.9.9"}) + "b", "a\n" + ours + "b"},
                {block({}) + "b\n", ours + "b\n"},
                {"a\n" + block({"10.9.9.9"}) + "b\n" + block({"10.8.8.8"}) + "c\n", "a\n" + ours + "b\nc\n"},
                // Damaged: what is not between two marks is not ours.
                {"a\n" + begin + "b\nc\n", "a\n" + ours + "b\nc\n"},
                {"a\n" + begin + "b\n" + block({"10.9.9.9"}) + "c\n", "a\n" + ours + "b\nc\n"},
                {"a\n" + end + "b\n", "a\n" + end + "b\n" + ours},
                {"a\n" + begin.substr(0, begin.size() - 1), "a\n" + ours},
        };

        for (const auto& row : rows) {
                CAPTURE(row.before);
                const auto once = with_block(row.before, host, first);
                CHECK(once == row.after);
                CHECK(with_block(once, host, first) == once);
                CHECK(with_block(with_block(once, host, {"10.0.0.9"}), host, first) == once);
        }
}

TEST_CASE("A host is named by a line that is not a comment", "[hosts]")
{
        CHECK(names_host("10.0.0.1 a b\n", "a"));
        CHECK(names_host("10.0.0.1\ta \tb # c", "b"));
        for (const auto* text : {"", "# 10.0.0.1 b\n", "b 10.0.0.1\n", "10.0.0.1 a # b\n", "10.0.0.1 ab\n"})
                CHECK_FALSE(names_host(text, "b"));
}

TEST_CASE("What DNS says goes into the file, and again changes nothing", "[hosts]")
{
        Machine step;
        step.root.write(hosts_path, "127.0.0.1 localhost\n", 0640);
        step.run();
        CHECK(step.changed);
        CHECK(step.tries == 1);
        CHECK(step.hosts() == "127.0.0.1 localhost\n" + block({"10.0.0.1"}));
        CHECK(step.root.mode(hosts_path) == 0640);
        CHECK(step.root.names("/etc") == Texts{"hosts"});

        for (int again = 0; again < 3; ++again) {
                step.run();
                CHECK_FALSE(step.changed);
                CHECK(step.hosts() == "127.0.0.1 localhost\n" + block({"10.0.0.1"}));
        }

        step.answer = {"10.0.0.7", "10.0.0.8"};
        step.run();
        CHECK(step.changed);
        CHECK(step.hosts() == "127.0.0.1 localhost\n" + block({"10.0.0.7", "10.0.0.8"}));
}

TEST_CASE("Without the file there is one afterwards", "[hosts]")
{
        Machine step;
        step.run();
        CHECK(step.hosts() == block({"10.0.0.1"}));
        CHECK(step.root.mode(hosts_path) == 0644);
}

TEST_CASE("DNS is asked six times, with growing waits", "[hosts]")
{
        Machine step;
        step.failures = 5;
        step.run();
        CHECK(step.tries == 6);
        REQUIRE(step.slept.size() == 5);

        auto wait = 200ms;
        for (const auto slept : step.slept) {
                CHECK(slept >= wait);
                CHECK(slept <= wait + 100ms);
                wait *= 2;
        }

        CHECK(step.hosts() == block({"10.0.0.1"}));

        Machine never;
        never.failures = 6;
        never.root.write(hosts_path, "127.0.0.1 localhost\n");
        const auto result = refusal([&] { never.run(); });
        CHECK(never.tries == 6);
        CHECK(result.failure == "host-unresolved");
        CHECK(result.what == "no DNS");
        CHECK(result.remedy.find("/etc/resolv.conf") != std::string::npos);
        CHECK(never.hosts() == "127.0.0.1 localhost\n");
}

TEST_CASE("Without DNS, the file's entries of the host are kept", "[hosts]")
{
        for (const auto& text : {block({"10.0.0.1"}), "10.0.0.5 " + host + "\n"}) {
                Machine step;
                step.root.write(hosts_path, text);
                step.failures = 6;
                step.run();
                CHECK_FALSE(step.changed);
                CHECK(step.summary == "kept the addresses of " + host);
                CHECK(step.hosts() == text);
        }

        Machine other; // of another cluster
        other.root.write(hosts_path, begin + "10.0.0.1\tother.example.com\n" + end);
        other.failures = 6;
        CHECK(refusal([&] { other.run(); }).failure == "host-unresolved");
}

TEST_CASE("On a node that has left its local cluster the block goes away, and nothing else", "[hosts]")
{
        for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
                     {"127.0.0.1 localhost\n" + block({"10.0.0.1"}) + "::1 localhost\n",
                             "127.0.0.1 localhost\n::1 localhost\n"},
                     {block({"10.0.0.1"}), ""}, {block({}) + "a\n" + block({"10.0.0.1"}), "a\n"},
                     {"127.0.0.1 localhost\n", "127.0.0.1 localhost\n"},
                     {begin + "10.0.0.1 a\n", "10.0.0.1 a\n"}}) {
                CAPTURE(before);
                CHECK(without_block(before) == after);
                TemporaryDirectory machine;
                machine.write(hosts_path, before, 0640);
                for (const bool changed : {before != after, false}) {
                        const auto prefix = machine.root();
                        const Log log("eks-hosts", Level::err);
                        Context context(prefix, log);
                        remove_hosts(context);
                        CHECK(context.changed() == changed);
                        CHECK(machine.read(hosts_path) == after);
                        CHECK(machine.mode(hosts_path) == 0640);
                }
        }
}
