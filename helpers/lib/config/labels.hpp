// SPDX-License-Identifier: Apache-2.0
// The syntax of labels and taints in Kubernetes. The functions return an error text, or an empty string.
#pragma once

#include <string>
#include <string_view>

namespace eks {

// A key is a name of at most 63 characters, with or without a DNS name of at most 253 and a '/' in front.
std::string wrong_label_key(std::string_view key);

// A value is empty or spelt like the name in a key.
std::string wrong_label_value(std::string_view value);

// Why a kubelet must not set this label: the admission plugin NodeRestriction reserves kubernetes.io and
// k8s.io for the control plane, and kubelet does not even start with such a label. The key must be
// well-formed.
std::string refused_to_kubelets(std::string_view key);

// A name that a node can register under, once kubelet has put it into lower case. It is DNS's (RFC 1123),
// and shorter than DNS allows: it is the value of the label kubernetes.io/hostname too.
std::string wrong_node_name(std::string_view name);

struct Taint {
        std::string key;
        std::string value;
        std::string effect;

        bool operator==(const Taint&) const = default;
};

std::string wrong_taint(const Taint& taint);

struct ParsedTaint {
        Taint taint;
        std::string wrong;
};

// key[=value]:Effect, as --register-with-taints takes it.
ParsedTaint parse_taint(std::string_view text);

} // namespace eks
