// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <netdb.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/kubelet_flags.hpp"
#include "config/proxy_settings.hpp"
#include "net/credentials.hpp"
#include "net/dns.hpp"
#include "net/endpoints.hpp"
#include "net/https.hpp"
#include "net/imds.hpp"
#include "node/ecr.hpp"
#include "node/hosts_block.hpp"
#include "node/proxy.hpp"
#include "systemd/kubelet_arguments.hpp"
#include "userdata/base64.hpp"
#include "verbs/diagnose/diagnose.hpp"
#include "verbs/token/token.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using State = Check::State;

constexpr auto answer_time = 2s; // of one question; `eksnode diagnose` has a deadline of its own
constexpr auto network_remedy =
        "Look at the routes of the subnet, NAT or VPC endpoints, the security groups of node and cluster, and whether "
        "the endpoint is private";

Check unknown_without_cluster(std::string name, const Machine& machine)
{
        return {std::move(name), State::unknown,
                machine.why_no_node.empty() ? "no cluster is configured" : machine.why_no_node, "", ""};
}

std::string endpoint_of(const Machine& machine)
{
        return machine.node ? machine.node->spec.cluster.endpoint : std::string();
}

std::string cluster_ca(const Machine& machine)
{
        return machine.node
                       ? decode_base64(machine.node->spec.cluster.certificate_authority.text).value_or("")
                       : std::string();
}

// libcurl's words about a server's certificate.
bool is_about_trust(const std::string& text)
{
        return text.find("certificate") != text.npos || text.find("SSL") != text.npos;
}

std::string node_name(const Machine& machine)
{
        const auto flags = parse_kubelet_flags(written_kubelet_arguments(machine.root));
        const auto* name = flags.last("hostname-override");
        return name != nullptr && name->value ? *name->value : machine.facts.local_hostname;
}

// Taints that keep pods away until a controller of the cluster removes them.
Check waiting_taints(const Json& node, const std::string& name)
{
        for (const auto& taint : node.value(Json::json_pointer("/spec/taints"), Json::array())) {
                const auto key = taint.value("key", std::string());
                if (key == "node.cloudprovider.kubernetes.io/uninitialized")
                        return {"membership", State::warning,
                                fmt::format("{} is Ready, but has the taint {}", name, key), "",
                                "The cloud controller manager of the cluster removes it: its node has to be an instance "
                                "that it finds in EC2 by this name"};
                if (key.starts_with("readiness.k8s.io/"))
                        return {"membership", State::warning,
                                fmt::format("{} is Ready, but has the taint {}", name, key), "",
                                "The node readiness controller removes it when the conditions of its rule are met: "
                                "`kubectl get nodereadinessrules`"};
        }

        return {"membership", State::ok, name + " is registered and Ready", "", ""};
}

// "Ready", or why not, of a node as the API server shows it.
Check readiness(const Json& node, const std::string& name)
{
        for (const auto& condition : node.value(Json::json_pointer("/status/conditions"), Json::array()))
                if (condition.value("type", "") == "Ready") {
                        if (condition.value("status", "") == "True")
                                return waiting_taints(node, name);
                        const auto message = condition.value("message", std::string());
                        return {"membership", State::problem,
                                fmt::format("{} is registered, but not Ready: {}", name, message), "",
                                message.find("cni") != message.npos || message.find("CNI") != message.npos
                                        ? "Look at the pods aws-node of this node: `crictl ps -a`, "
                                          "/var/log/aws-routed-eni/"
                                        : "See `eksnode status` and `journalctl -b -u kubelet`"};
                }
        return {"membership", State::warning, name + " is registered, and has no condition Ready yet", "",
                ""};
}

bool is_in_hosts(const Root& root, std::string_view host)
{
        auto text = read_file_if_exists(root("/etc/hosts")).value_or("");
        std::ranges::replace(text, '\t', ' ');
        return std::ranges::any_of(lines(text), [&](std::string_view line) {
                const auto names = split(line.substr(0, line.find('#')), ' ');
                return std::ranges::find(names, host) != names.end();
        });
}

std::string caller_of(const AwsCredentials& credentials)
{
        return credentials.role.empty() ? "these credentials"
                                        : fmt::format("the role '{}'", credentials.role);
}

} // namespace

std::vector<Check> ask_metadata(const Machine& /*machine*/)
{
        ImdsClient imds({.endpoint = imds_endpoint(), .timeout = answer_time});
        const auto answers = imds.fetch({"meta-data/instance-id", "meta-data/instance-type"});
        return {{"imds", State::ok,
                fmt::format("answers: {}, {}", trim(answers[0].value_or("no instance id")),
                        trim(answers[1].value_or("no type"))),
                "", ""}};
}

std::vector<Check> ask_clock(const Machine& /*machine*/)
{
        std::vector<Check> checks;
        if (!clock_is_synchronised())
                checks.push_back({"clock", State::warning, "no time service keeps it right", "",
                        "Start chronyd or systemd-timesyncd; Amazon's server is 169.254.169.123"});

        // Each answer of the metadata service has Amazon's time, whatever its status.
        const auto answer = HttpClient(plain_http())
                                    .fetch({{.url = imds_endpoint() + "/latest/"}}, one_attempt(answer_time))
                                    .front();
        const auto date = answer.headers.find("date");
        std::tm parts{};
        if (date == answer.headers.end() ||
                ::strptime(date->second.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
                checks.push_back({"clock", State::unknown, "the metadata service shows no time", "", ""});
                return checks;
        }

        const auto off = std::time(nullptr) - ::timegm(&parts);
        constexpr std::time_t most_for_signatures =
                300; // seconds; AWS refuses requests that are dated further off
        if (std::abs(off) > 5)
                checks.push_back({"clock",
                        std::abs(off) > most_for_signatures ? State::problem : State::warning,
                        fmt::format("{} s {}", std::abs(off), off > 0 ? "fast" : "slow"), "Amazon's time",
                        "`chronyc makestep` or `timedatectl set-ntp true`: AWS refuses requests, and certificates seem out "
                        "of date"});
        else if (checks.empty())
                checks.push_back({"clock", State::ok, "Amazon's time", "", ""});
        return checks;
}

std::vector<Check> ask_name_servers(const Machine& machine)
{
        const auto endpoint = endpoint_of(machine);
        if (endpoint.empty())
                return {unknown_without_cluster("dns", machine)};

        const auto host = endpoint_host(endpoint);
        if (host.empty())
                return {{"dns", State::ok, "the endpoint is an address", "", ""}};

        if (is_in_hosts(machine.root, host)) // as eks-hosts does on an Outpost, which may be cut off
                return {{"dns", State::ok, fmt::format("{} is in /etc/hosts", host), "", ""}};

        const auto text = read_file_if_exists(machine.root("/etc/resolv.conf")).value_or("");
        const auto addresses = lookup_addresses(host, name_servers(text), 1s);

        return {{"dns", State::ok, fmt::format("{} is {}", host, join(addresses, " ")), "", ""}};
}

std::vector<Check> ask_proxy(const Machine& machine)
{
        if (!machine.node)
                return {unknown_without_cluster("proxy", machine)};

        use_environment(*machine.node);
        const auto proxy = environment("HTTPS_PROXY");
        if (proxy.empty())
                return {{"proxy", State::ok, "none", "", ""}};

        // An accepted connection will do. Ports as Go has them, for kubelet and containerd.
        const auto [scheme, login, authority] =
                split_proxy_url(proxy.find("://") == proxy.npos ? "http://" + proxy : proxy);
        const auto colon = authority.find(':', authority.find(']') + 1); // of "[fd00::1]:3128", too
        auto host = authority.substr(0, colon);
        const std::string port = colon != authority.npos ? authority.substr(colon + 1)
                                 : scheme == "https"     ? "443"
                                                         : "80";
        if (host.starts_with('[') && host.ends_with(']'))
                host = host.substr(1, host.size() - 2);

        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
                return {{"proxy", State::problem, fmt::format("'{}': {}", host, ::gai_strerror(error)), "",
                        "Correct proxy.http and proxy.https; `eksnode explain proxy.https` shows who sets them"}};

        const std::unique_ptr<addrinfo, Deleter<::freeaddrinfo>> addresses(found);
        int error = 0;
        for (const auto* address = found; address != nullptr; address = address->ai_next) {
                const UniqueFd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
                const timeval limit{.tv_sec = 1, .tv_usec = 0}; // of each address
                ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
                if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) == 0)
                        return {{"proxy", State::ok, fmt::format("{}:{} accepts connections", host, port),
                                "", ""}};
                error = errno;
        }

        return {{"proxy", State::problem, fmt::format("{}:{}: {}", host, port, ::strerror(error)), "",
                "Check that the proxy runs, and that a security group lets the node reach it"}};
}

std::vector<Check> ask_api_server(const Machine& machine)
{
        const auto endpoint = endpoint_of(machine);
        if (endpoint.empty())
                return {unknown_without_cluster("api-server", machine)};
        if (machine.node) // kubelet's proxy
                use_environment(*machine.node);

        try {
                const auto answer = fetch_https(
                        {{.url = endpoint + "/livez", .ca = cluster_ca(machine)}}, one_attempt(answer_time))
                                            .front();
                return {{"api-server", State::ok, fmt::format("answers with status {}", answer.status), "",
                        ""}};
        } catch (const HttpUnusable& e) {
                return {{"api-server", State::problem, e.what(), "",
                        "cluster.certificateAuthority and cluster.apiServerEndpoint are of different clusters, or a proxy "
                        "stands between; `eksnode explain cluster.certificateAuthority` shows who sets it"}};
        } catch (const HttpDeadline& e) {
                return {{"api-server", State::problem, e.what(), "",
                        !e.fault().unresolved.empty() ? std::string(dns_remedy)
                        : is_about_trust(e.what())
                                ? "Compare this machine's clock, and the certificate of the server"
                                : std::string(network_remedy)}};
        }
}

std::vector<Check> ask_credentials(const Machine& /*machine*/)
{
        const auto credentials = aws_credentials({.endpoint = imds_endpoint(), .timeout = answer_time});
        return {{"credentials", State::ok, fmt::format("of {}", caller_of(credentials)), "", ""}};
}

std::vector<Check> ask_membership(const Machine& machine)
{
        const auto endpoint = endpoint_of(machine);
        if (!machine.node || endpoint.empty())
                return {unknown_without_cluster("membership", machine)};
        use_environment(*machine.node);

        AwsCredentials credentials;
        try {
                credentials = aws_credentials({.endpoint = imds_endpoint(), .timeout = answer_time});
        } catch (const Error&) {
                return {{"membership", State::unknown, "there are no credentials to ask with", "", ""}};
        }

        const auto& cluster = machine.node->spec.cluster;
        const TokenRequest request{cluster.outpost ? cluster.id : cluster.name, machine.facts.region,
                endpoint_kind_from_environment()};
        const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
        const auto name = node_name(machine);

        HttpResponse answer;
        try {
                answer = fetch_https(
                        {{.url = fmt::format("{}/api/v1/nodes/{}", endpoint, name),
                                .headers = {"Authorization: Bearer " + eks_token(request, credentials, now)},
                                .ca = cluster_ca(machine)}},
                        one_attempt(answer_time))
                                 .front();
        } catch (const std::exception&) {
                return {{"membership", State::unknown, "the API server does not answer", "", ""}};
        }

        switch (answer.status) {
        case 200:
                return {readiness(try_parse_json(answer.body), name)};
        case 404:
                return {{"membership", State::problem, fmt::format("the cluster knows no node '{}'", name),
                        "", "See what kubelet says: `eksnode status`"}};
        case 401:
                return {{"membership", State::problem,
                        fmt::format(
                                "the cluster does not accept {}: 401 Unauthorized", caller_of(credentials)),
                        "",
                        fmt::format(
                                "Create an access entry of type EC2_LINUX for it: `aws eks create-access-entry "
                                "--cluster-name {} --type EC2_LINUX --principal-arn ARN`, or add it to aws-auth",
                                cluster.name)}};
        case 403:
                return {{"membership", State::problem,
                        fmt::format("the cluster accepts {}, but not as the node '{}'",
                                caller_of(credentials), name),
                        "",
                        "The access entry has to be of type EC2_LINUX, or the user name in aws-auth "
                        "system:node:{{EC2PrivateDNSName}} with the group system:nodes; the node's name has to be that "
                        "of EC2"}};
        default:
                return {{"membership", State::unknown,
                        fmt::format("the API server answers {}", answer.status), "", ""}};
        }
}

namespace {

struct Service {
        const char* name;
        const char* variable; // of another address
        const char* needed_for;
};

// Any answer will do: without a signature it is a refusal.
std::vector<Check> ask_service(const Machine& machine, const Service& service)
{
        const std::string name(service.name);
        if (machine.facts.region.empty())
                return {{name, State::unknown, "the region is not known", "", ""}};
        if (machine.node)
                use_environment(*machine.node);

        const auto given = environment(service.variable);
        const auto url = given.empty()
                                 ? fmt::format("https://{}/", aws_host(service.name, machine.facts.region,
                                                                      endpoint_kind_from_environment()))
                                 : given;
        try {
                const auto answer = fetch_https({{.url = url}}, one_attempt(answer_time)).front();
                return {{name, State::ok, fmt::format("{} answers with status {}", url, answer.status), "",
                        ""}};
        } catch (const std::exception& e) {
                return {{name, State::warning, e.what(), "",
                        fmt::format("It is needed for {}: add a VPC endpoint for it, a route or a proxy",
                                service.needed_for)}};
        }
}

} // namespace

std::vector<Check> ask_ecr(const Machine& machine)
{
        return ask_service(machine, {"ecr", "AWS_ENDPOINT_URL_ECR", "images of ECR"});
}

std::vector<Check> ask_s3(const Machine& machine)
{
        return ask_service(machine, {"s3", "AWS_ENDPOINT_URL_S3", "the layers of images of ECR"});
}

std::vector<Check> ask_ec2(const Machine& machine)
{
        return ask_service(machine, {"ec2", "AWS_ENDPOINT_URL_EC2", "the VPC CNI plugin"});
}

std::vector<Check> ask_sts(const Machine& machine)
{
        return ask_service(machine, {"sts", "AWS_ENDPOINT_URL_STS", "the roles of pods"});
}

std::vector<Check> ask_eks(const Machine& machine)
{
        try {
                if (!load_node_document(machine.root).asks_eks)
                        return {{"eks", State::ok, "not needed: the configuration describes the cluster", "",
                                ""}};
        } catch (const Error&) { // it is not known whether this will be a node that asks
        }

        return ask_service(
                machine, {"eks", "AWS_ENDPOINT_URL_EKS", "a configuration without the cluster's values"});
}

} // namespace eks
