// SPDX-License-Identifier: Apache-2.0
#include "verbs/versions/digest.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <openssl/evp.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"

namespace eks {

std::string sha256_of_file(const std::string& path)
{
        struct Free {
                void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
        };

        const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (!file)
                throw io_error("open", path, errno);

        const std::unique_ptr<EVP_MD_CTX, Free> context(::EVP_MD_CTX_new());
        bool good = context && ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) == 1;

        std::array<unsigned char, std::size_t{64} << 10U> buffer{};

        for (;;) {
                const auto n = ::read(file.get(), buffer.data(), buffer.size());
                if (n < 0)
                        throw io_error("read", path, errno);
                if (n == 0)
                        break;

                good = good &&
                       ::EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(n)) == 1;
        }

        std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
        unsigned int length = 0;
        if (!good || ::EVP_DigestFinal_ex(context.get(), digest.data(), &length) != 1)
                throw Error(failure::internal, fmt::format("cannot compute the SHA-256 of '{}'", path));

        std::string text;
        for (unsigned int i = 0; i < length; ++i)
                text += fmt::format("{:02x}", digest.at(i));

        return text;
}

} // namespace eks
