// SPDX-License-Identifier: Apache-2.0
// aws_call() and fetch_https() for programs that rarely call it: it is loaded at the first call. libcurl and
// libcrypto cost 6 ms and 5 MiB, and a node that has its images needs neither.
#include <dlfcn.h>
#include <filesystem>

#include <fmt/format.h>

#include "base/error.hpp"
#include "net/aws_call.hpp"
#include "net/https.hpp"
#include "version.hpp"

namespace eks {

namespace {

using AwsCall = void(std::string& answer, const std::string& service, const std::string& region,
        const AwsRequest& request, const AwsCallOptions& options);

using FetchHttps = void(std::vector<HttpResponse>& answers, const std::vector<HttpRequest>& requests,
        const HttpOptions& options);

template <typename F>
F* load(const char* function)
{
        // Beside the program, in the build directory as well as installed. A program that `sed -i` has
        // copied to another place uses the installed one.
        const auto name = fmt::format("libeksnode-aws-{}.so", version);
        auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
        if (!std::filesystem::exists(path))
                path = std::filesystem::path(LIBEXECDIR) / name;
        void* module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL); // stays for the life of the program

        auto* call = module == nullptr ? nullptr : reinterpret_cast<F*>(::dlsym(module, function));
        if (call == nullptr)
                throw Error(failure::internal,
                        fmt::format("cannot load '{}': {}", path.native(), ::dlerror()),
                        "Install the package of eksnode again");

        return call;
}

} // namespace

std::string aws_call(const std::string& service, const std::string& region, AwsRequest request,
        const AwsCallOptions& options)
{
        std::string answer;
        load<AwsCall>("eks_aws_call")(answer, service, region, request, options);
        return answer;
}

std::vector<HttpResponse> fetch_https(const std::vector<HttpRequest>& requests, const HttpOptions& options)
{
        std::vector<HttpResponse> answers;
        load<FetchHttps>("eks_fetch_https")(answers, requests, options);
        return answers;
}

} // namespace eks
