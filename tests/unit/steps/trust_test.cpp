// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "certificates.hpp"
#include "fixture.hpp"
#include "steps/trust/trust.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::certificate;
using test::ReferenceNode;
using test::TemporaryDirectory;

namespace {

// That of Fedora and Amazon Linux is only played here, because Debian has no package of it. The boot tests
// run Debian's.
constexpr const char* fedora = "/usr/bin/update-ca-trust";
constexpr const char* debian = "/usr/sbin/update-ca-certificates";
constexpr const char* fedora_sources = "/etc/pki/ca-trust/source/anchors";
constexpr const char* debian_sources = "/usr/local/share/ca-certificates";
constexpr const char* fedora_bundle = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem";
constexpr const char* debian_bundle = "/etc/ssl/certs/ca-certificates.crt";

// Stand-ins: each run is a line of /log.
void install_fedora(const TemporaryDirectory& node, const std::string& extra = {})
{
        node.write(fedora,
                "#!/bin/sh\nroot=${0%/usr/bin/*}\necho \"run $*\" >> \"$root/log\"\n" + extra +
                        fmt::format("mkdir -p \"$root/etc/pki/ca-trust/extracted/pem\"\n"
                                    "cat /dev/null \"$root{}\"/* > \"$root{}\" 2> /dev/null || true\n",
                                fedora_sources, fedora_bundle),
                0755);
}

void install_debian(const TemporaryDirectory& node)
{
        node.write(debian,
                "#!/bin/sh\nroot=${0%/usr/sbin/*}\necho \"run $*\" >> \"$root/log\"\n" +
                        fmt::format("mkdir -p \"$root/etc/ssl/certs\"\ncat /dev/null \"$root{0}\"/*.crt >> "
                                    "\"$root{1}.new\" 2> /dev/null\nmv \"$root{1}.new\" \"$root{1}\"\n",
                                debian_sources, debian_bundle),
                0755);
}

TrustSource inline_source(const std::string& pem)
{
        return {TrustSource::Kind::text, pem, "trust.certificates[0]", {"node.toml", 2, 1}};
}

TrustSource file_source(const std::string& path)
{
        return {TrustSource::Kind::file, path, "trust.certificates[0]", {"node.toml", 2, 1}};
}

struct Result {
        test::Refusal refused;
        std::string summary;
        bool changed = false;
};

Result update(const TemporaryDirectory& node, const std::vector<std::string>& pems,
        std::chrono::milliseconds deadline = 60s)
{
        std::vector<Certificate> wanted;
        for (const auto& pem : pems)
                for (auto& one : read_certificates(pem, test::now).all)
                        wanted.push_back(std::move(one));
        const Log log("test", Level::err);
        const auto root = node.root();
        Context context(root, log);
        Result result;
        result.refused = test::refusal([&] { update_store(context, wanted, deadline); });
        result.summary = context.summary();
        result.changed = context.changed();

        return result;
}

TrustPlan planned(const ReferenceNode& node, const std::vector<TrustSource>& sources)
{
        auto inputs = node.inputs();
        inputs.spec.host.trust = sources;
        return plan_trust(inputs, test::now);
}

} // namespace

TEST_CASE("Items are PEM texts, paths or credentials, and nothing else", "[trust]")
{
        const Json tree{{"trust",
                {{"certificates", {certificate(), "/etc/eks/corp.pem", "corp.ca", "/srv/corp.pem",
                                          "/etc/eks/../shadow", "not/a path", "MIIEvQIBADANBgkqh+", ""}}}}};
        Marks marks;
        marks["trust.certificates"] = {"node.toml", 3, 1};
        marks["trust.certificates[1]"] = {"node.toml", 5, 9};
        Problems problems;
        const auto sources = trust_sources(tree, marks, problems);
        REQUIRE(sources.size() == 3);
        CHECK(sources[0].kind == TrustSource::Kind::text);
        CHECK(sources[0].text() == "node.toml, line 3, column 1: trust.certificates[0]");
        CHECK(sources[1].kind == TrustSource::Kind::file);
        CHECK(sources[1].text() ==
                "node.toml, line 5, column 9: trust.certificates[1] ('/etc/eks/corp.pem')");
        CHECK(sources[2].kind == TrustSource::Kind::credential);
        REQUIRE(problems.all().size() == 5);

        for (const auto& problem : problems.all()) {
                CHECK(problem.text.find("neither a certificate in PEM") != std::string::npos);
                CHECK(problem.text.find("MIIEvQ") == std::string::npos);
        }
}

TEST_CASE("The plan holds each certificate once, and names what is doubtful", "[trust]")
{
        const ReferenceNode node;
        const auto corp = certificate({.name = "corp"});
        const auto old = certificate({.end = test::now - test::day, .name = "old"});
        const auto early = certificate({.begin = test::now + test::day, .name = "early"});
        node.write("/etc/eks/corp.pem", corp + old);
        node.write("/etc/credstore/site.ca", early);
        const auto plan =
                planned(node, {inline_source("# ours\n" + corp), file_source("/etc/eks/corp.pem"),
                                      {TrustSource::Kind::credential, "site.ca", "k", {"user data"}}});
        CHECK(test::file_in(plan.step, "/run/eks/trust.pem").content == corp + old + early);
        CHECK(plan.certificates.size() == 3);
        REQUIRE(plan.step.notes.size() == 2);
        CHECK(plan.step.notes[0].text ==
                "node.toml, line 2, column 1: trust.certificates[0] ('/etc/eks/corp.pem'): the certificate "
                "'CN = old': expired on 2023-11-13 22:13:20 UTC; replace it or remove it, proceeding");
        CHECK(plan.step.notes[1].text ==
                "user data: k ('site.ca'): the certificate 'CN = early': not valid "
                "before 2023-11-15 22:13:20 UTC; replace it or remove it, proceeding");

        for (const auto& note : plan.step.notes)
                CHECK((note.level == Level::warning && note.strict));
        CHECK(test::file_in(planned(node, {}).step, "/run/eks/trust.pem").kind == File::Kind::absent);
}

TEST_CASE("What is not a certificate is refused with its place and a remedy", "[trust]")
{
        const ReferenceNode node;
        const auto refused = [&](const TrustSource& source) {
                return test::refusal([&] { planned(node, {source}); });
        };

        const auto missing = refused(file_source("/etc/eks/corp.pem"));
        CHECK(missing.failure == "certificate-invalid");
        CHECK(missing.mentions("node.toml, line 2, column 1: trust.certificates[0] ('/etc/eks/corp.pem')"));
        CHECK(missing.mentions("is not there"));
        CHECK(refused({TrustSource::Kind::credential, "site.ca", "k", {"user data"}})
                        .mentions("there is no systemd credential of this name"));

        node.write("/etc/eks/corp.pem", certificate().substr(0, 100));
        CHECK(refused(file_source("/etc/eks/corp.pem"))
                        .mentions("holds a damaged PEM certificate, number 1"));

        node.write("/etc/eks/dir.pem/file", "");
        CHECK(refused(file_source("/etc/eks/dir.pem")).mentions("cannot be read"));

        const auto key = test::private_key();
        const auto secret = key.substr(key.find('\n') + 1, 20);
        node.write("/etc/eks/corp.pem", certificate() + key);

        for (const auto& source : {file_source("/etc/eks/corp.pem"), inline_source(key)}) {
                const auto refusal = refused(source);
                CHECK(refusal.failure == "certificate-invalid");
                CHECK(refusal.mentions("holds a private key"));
                CHECK(refusal.remedy.find("Take the private key out") == 0);
                CHECK_FALSE(refusal.mentions(secret));
        }
}

TEST_CASE("The store is updated if it differs, and only then", "[trust]")
{
        const auto corp = certificate({.name = "corp"});
        const auto site = certificate({.name = "site"});
        const auto leaf = certificate({.constraints = "CA:FALSE", .name = "leaf"});

        for (const bool is_debian : {false, true}) {
                CAPTURE(is_debian);
                const TemporaryDirectory node;
                const auto* sources = is_debian ? debian_sources : fedora_sources;
                const auto* bundle = is_debian ? debian_bundle : fedora_bundle;
                is_debian ? install_debian(node) : install_fedora(node);
                node.write(std::string(sources) + "/admin.crt", "# an admin's\n");

                auto done = update(node, {corp, leaf});
                CHECK(done.refused.failure == "nothing");
                CHECK(done.changed);
                CHECK(node.names(sources).size() == 3);
                CHECK(node.read(bundle).find(corp) != std::string::npos);
                CHECK(node.read(bundle).find(leaf) != std::string::npos);
                CHECK(node.read("/log") == "run \n");
                CHECK(node.read(trust_stamp).find("eks-trust-") == 0);
                CHECK(node.mode(std::string(sources) + "/" + node.names(sources).back()) == 0644);

                done = update(node, {corp, leaf});
                CHECK_FALSE(done.changed);
                CHECK(done.summary == "the store has these certificates");
                CHECK(node.read("/log") == "run \n");

                // Another set: what is no longer wanted goes. A partial bundle of a killed tool does not
                // stay.
                if (is_debian)
                        node.write(std::string(debian_bundle) + ".new", corp);
                CHECK(update(node, {site}).changed);
                CHECK(node.names(sources).size() == 2);
                CHECK(node.read(bundle) == "# an admin's\n" + site);
                const std::string again = is_debian ? "run --fresh\n" : "run \n";
                CHECK(node.read("/log") == "run \n" + again);

                // Somebody rebuilt the bundle without it, or edited the file.
                node.write(bundle, "");
                CHECK(update(node, {site}).changed);
                CHECK(node.read(bundle).find(site) != std::string::npos);
                node.write(std::string(sources) + "/" + node.names(sources).back(), corp);
                CHECK(update(node, {site}).changed);
                CHECK(node.read(bundle).find(corp) == std::string::npos);

                // A run that was killed is done again, and what it left goes.
                node.write(trust_stamp, "changing\n");
                node.write(std::string(sources) + "/.#eks-trust-aa.crt.1", corp);
                CHECK(update(node, {site}).changed);
                CHECK(node.names(sources).size() == 2);

                CHECK(update(node, {}).changed);
                CHECK(node.names(sources) == std::vector<std::string>{"admin.crt"});
                CHECK(node.read(bundle) == "# an admin's\n");
                CHECK_FALSE(node.has(trust_stamp));
                const auto log = node.read("/log");
                CHECK_FALSE(update(node, {}).changed);
                CHECK(node.read("/log") == log);
        }
}

TEST_CASE("A store that does not take a certificate is a failure that names the cause", "[trust]")
{
        const auto corp = certificate({.name = "corp"});
        const TemporaryDirectory node;
        const auto none = update(node, {corp}).refused;
        CHECK(none.failure == "trust-store-failed");
        CHECK(none.mentions("/usr/bin/update-ca-trust"));
        CHECK(none.advises("ca-certificates"));
        CHECK(update(node, {}).refused.failure == "nothing");

        install_fedora(node, "echo 'p11-kit: no space' >&2\nexit 3\n");
        const auto status = update(node, {corp}).refused;
        CHECK(status.failure == "trust-store-failed");
        CHECK(status.mentions("/usr/bin/update-ca-trust failed with status 3: p11-kit: no space"));
        CHECK(node.read(trust_stamp) == "changing\n"); // so that it is tried again

        install_fedora(node, "exec sleep 60\n");
        CHECK(update(node, {corp}, 100ms).refused.mentions("did not end within 0 s"));

        // As update-ca-trust of Amazon Linux 2023, which gives the status of its last command alone.
        install_fedora(node, "exit 0\n");
        CHECK(update(node, {corp}).refused.mentions("lacks the certificate 'CN = corp'"));

        install_fedora(node);
        CHECK(update(node, {corp}).refused.failure == "nothing");
}
