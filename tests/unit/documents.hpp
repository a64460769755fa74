// SPDX-License-Identifier: Apache-2.0
// NodeConfig documents for the tests, and a short way to the values in them.
#pragma once

#include <string>

#include "config/node_config.hpp"
#include "document/layer.hpp"

namespace test {

inline constexpr auto document_head = "apiVersion: node.eks.aws/v1alpha1\n"
                                      "kind: NodeConfig\n"
                                      "spec:\n";

// A document with these lines (each indented by two blanks at least) below `spec:`, which is line 3.
inline std::string node_config(const std::string& spec)
{
        return document_head + spec;
}

// A layer whose problems are thrown at once; on a node they are collected first.
inline eks::Layer strict(eks::Layer layer)
{
        layer.problems.throw_if_any(eks::failure::config_invalid);
        return layer;
}
inline eks::Layer strict_node_config(std::string_view text, const std::string& source)
{
        return strict(eks::parse_node_config(text, source));
}
inline eks::Layer strict_node_toml(std::string_view text, const std::string& source)
{
        return strict(eks::parse_node_toml(text, source));
}

inline eks::Layer parsed(const std::string& spec)
{
        return strict_node_config(node_config(spec), "user data");
}

// The cluster that the reference describes, with an invalid CA: only eks-ca looks into it.
inline const std::string reference_cluster = "  cluster:\n"
                                             "    name: my-cluster\n"
                                             "    apiServerEndpoint: https://example.com\n"
                                             "    certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=\n"
                                             "    cidr: 10.100.0.0/16\n";

} // namespace test
