// SPDX-License-Identifier: Apache-2.0
// What kubelet's records in the journal say of its node: whether it is registered and Ready, and why not.
#pragma once

#include <string>
#include <string_view>

#include "node/join_causes.hpp"

namespace eks {

inline constexpr std::string_view join_status_path = "/run/eks/status.json"; // written by eks-join

class JoinState {
public:
        enum class Kind { starting, unregistered, registered, ready };

        // One record of a process of kubelet, from the oldest to the newest. True if it says something of
        // the node.
        bool read(std::string_view line);

        Kind kind() const { return kind_; }
        bool is_registered() const { return kind_ == Kind::registered || kind_ == Kind::ready; }

        // Why it is not registered or not Ready, in kubelet's words; "" if kubelet has said nothing.
        const std::string& cause() const { return cause_; }

        std::string code() const; // of the cause: "unauthorized", "unknown", ""

        // What to change; "" if that is not known.
        std::string change(const NodeIdentity& identity = {}) const;

        // "Waiting for kubelet to register the node: Unauthorized. Change …".
        std::string awaited(const NodeIdentity& identity = {}) const;

        // Whether kubelet logs each change of the condition Ready: with verbosity 2 or more.
        bool is_verbose() const { return verbose_; }

        // kubelet logs changes only. A node that was in the cluster before, and of which it has not said
        // that it is not Ready, may be so without a word; then it does not complain of containerd either.
        bool may_be_ready() const
        {
                return kind_ == Kind::registered && was_registered_ && !became_not_ready_;
        }
        void take_as_ready();

        // The process of the records has ended, or is not waited for any longer: unless it has said why the
        // node does not join, its last error is the cause.
        void end();

        bool operator==(const JoinState&) const = default;

private:
        Kind kind_ = Kind::starting;
        std::string cause_;
        std::string complaint_; // of containerd, while the node is not registered
        std::string error_;     // the last one of any kind
        bool was_registered_ = false;
        bool became_not_ready_ = false;
        bool verbose_ = false;
};

} // namespace eks
