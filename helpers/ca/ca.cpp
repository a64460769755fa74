// SPDX-License-Identifier: Apache-2.0
#include "ca.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/fd.hpp"

namespace eks {

namespace {

[[noreturn]] void refuse(const NodeSpec::Sourced& given, std::string_view wrong)
{
        constexpr std::size_t shown = 24; // characters: enough to recognise the value
        throw Error(failure::ca_invalid,
                fmt::format("{}: cluster.certificateAuthority = \"{}{}\": {}", given.source, given.text.substr(0, shown),
                        given.text.size() > shown ? "…" : "", wrong),
                "Give certificateAuthority.data as DescribeCluster shows it: a PEM certificate in base64");
}

// Standard alphabet; line breaks and missing padding are forgiven.
std::string decode_base64(const NodeSpec::Sourced& given)
{
        std::string text;
        std::ranges::copy_if(given.text, std::back_inserter(text),
                [](char c) { return c != '\n' && c != '\r' && c != ' ' && c != '\t'; });
        while (text.ends_with('='))
                text.pop_back();
        constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        if (text.empty() || text.size() % 4 == 1 || text.find_first_not_of(alphabet) != std::string::npos)
                refuse(given, "not base64");
        const auto padding = (4 - text.size() % 4) % 4;
        text.append(padding, '=');
        std::string bytes(text.size() / 4 * 3, '\0');
        const auto length = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
        if (length < 0)
                refuse(given, "not base64");
        bytes.resize(static_cast<std::size_t>(length) - padding);
        return bytes;
}

bool is_pem_certificate(const std::string& bytes)
{
        const std::unique_ptr<BIO, Deleter<BIO_free_all>> memory(
                ::BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
        const std::unique_ptr<X509, Deleter<X509_free>> certificate(
                ::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
        return certificate != nullptr;
}

} // namespace

StepPlan plan_ca(const NodeInputs& node)
{
        const auto& given = node.spec.certificate_authority;
        auto bytes = decode_base64(given);
        if (!is_pem_certificate(bytes))
                refuse(given, "no PEM certificate in it");
        return {.files = {{.path = "/etc/kubernetes/pki/ca.crt", .content = std::move(bytes)}}};
}

} // namespace eks
