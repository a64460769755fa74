// SPDX-License-Identifier: Apache-2.0
#include "config/trust_settings.hpp"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "config/credential_name.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

constexpr const char* list_key = "trust.certificates";

// Where a step that is confined may read.
constexpr std::array<std::string_view, 10> directories{"/etc/credstore/", "/etc/eks/", "/etc/pki/",
        "/etc/ssl/", "/opt/", "/run/credentials/", "/run/credstore/", "/run/eks/", "/usr/local/share/",
        "/usr/share/"};

} // namespace

std::string TrustSource::text() const
{
        const auto place = fmt::format("{}: {}", where.text(), key);
        return kind == Kind::text ? place : fmt::format("{} ('{}')", place, given);
}

std::vector<TrustSource> trust_sources(const Json& tree, const Marks& marks, Problems& problems)
{
        std::vector<TrustSource> sources;
        const auto* list = find_path(tree, list_key);
        if (list == nullptr || !list->is_array())
                return sources;

        const auto of_list = place_of(marks, list_key, {"configuration"});

        for (std::size_t i = 0; i < list->size(); ++i) {
                if (!(*list)[i].is_string())
                        continue; // has been reported

                const auto& given = (*list)[i].get_ref<const std::string&>();
                const auto key = fmt::format("{}[{}]", list_key, i);
                const auto where = place_of(marks, key, of_list);
                if (given.find("-----BEGIN ") != given.npos)
                        sources.push_back({TrustSource::Kind::text, given, key, where});
                else if (is_path_below(given, directories))
                        sources.push_back({TrustSource::Kind::file, given, key, where});
                else if (is_credential_name(given))
                        sources.push_back({TrustSource::Kind::credential, given, key, where});
                else
                        problems.add(where, key, "",
                                "is neither a certificate in PEM, nor a usable path, nor the name of a "
                                "credential",
                                fmt::format("Give the text of a PEM file, a path below {}, or the name of a "
                                            "systemd credential",
                                        fmt::join(directories, ", ")));
        }

        return sources;
}

} // namespace eks
