// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "imds.hpp"
#include "net/imds.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{120};
constexpr std::chrono::seconds unit_margin{30}; // that the manager waits longer than we do
constexpr std::chrono::seconds patience{12};    // with user data that is not there

// A node whose cluster is named without user data may have none, and is not to wait for it. To guess wrong
// costs seconds at boot, so nothing is parsed for it.
bool is_cluster_named(const Root& root)
{
        constexpr std::array<const char*, 3> directories{
                "/etc/eks/node.d", "/etc/eks/nodeadm.d", "/usr/lib/eks/node.d"};
        std::vector<std::string> files{"/etc/eks/node.toml", "/proc/cmdline"};
        for (const std::string directory : directories)
                for (const auto& name : list_directory(root(directory)))
                        files.push_back(directory + "/" + name);
        return std::ranges::any_of(files, [&](const std::string& file) {
                return read_file_if_exists(root(file)).value_or("").find("cluster") != std::string::npos;
        });
}

void fetch_everything(Context& context)
{
        const auto timeout = environment_seconds("EKS_IMDS_TIMEOUT", default_timeout);
        if (timeout != default_timeout)
                notify_extend_timeout(static_cast<unsigned>((timeout + unit_margin).count()));
        ImdsClient imds({.endpoint = imds_endpoint(),
                .timeout = timeout,
                .patience = is_cluster_named(context.root()) ? ImdsClient::Options().patience : patience,
                .on_retry = [&](const std::string& what) {
                        context.awaiting("Waiting for the instance metadata service: " + what);
                        context.log().debug(what);
                }});
        context.apply(plan_imds([&](const std::vector<ImdsItem>& items) { return imds.wait_for(items); }));
}

} // namespace

int main(int argc, char** argv)
{
        return run_step({.name = "eks-imds",
                                .purpose = "fetch instance metadata and user data",
                                .access = {.reads = {"/etc/eks", "/proc/cmdline", "/usr/lib/eks"},
                                        .writes = {"/run/eks"},
                                        .internet = true}},
                argc, argv, fetch_everything);
}
