// SPDX-License-Identifier: Apache-2.0
#include "node/join_state.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "node/error_line.hpp"

namespace eks {

namespace {

// The signer of the certificate with which kubelet registers, where it has no token: client-go's
// certificate_manager.go begins its messages so.
constexpr std::string_view client_certificates = "kubernetes.io/kube-apiserver-client-kubelet: ";

bool says(std::string_view line, std::string_view text)
{
        return line.find(text) != line.npos;
}

} // namespace

// The records are those of pkg/kubelet/kubelet.go, kubelet_node_status.go and nodestatus/setters.go. At the
// first boot the condition begins as false, without a record; then the complaint about containerd's network,
// every 5 s, is all that kubelet says.
bool JoinState::read(std::string_view line)
{
        if (is_error(line))
                error_ = error_text(line);
        if (says(line, "Recording event message for node"))
                verbose_ = true;

        if (says(line, "Unable to register node")) {
                kind_ = Kind::unregistered;
                cause_ = quoted_value(line, "err");
                if (cause_.empty())
                        cause_ = line;
        } else if (kind_ == Kind::starting && says(line, client_certificates) && says(line, "sign")) {
                cause_ = quoted_value(line, "err");
                if (cause_.empty())
                        cause_ = line.substr(line.find(client_certificates) + client_certificates.size());
        } else if (says(line, "was previously registered")) {
                was_registered_ = true;
        } else if (says(line, "Successfully registered node")) {
                if (is_registered()) // what was said before of a node that had been there
                        return true;
                kind_ = Kind::registered;
                cause_ = complaint_;
        } else if (says(line, "\"Node became not ready\"")) {
                kind_ = Kind::registered;
                cause_ = not_ready_message(line);
                became_not_ready_ = true;
        } else if (says(line, "\"Container runtime network not ready\"") ||
                   says(line, "\"Container runtime not ready\"")) {
                complaint_ =
                        quoted_value(line, says(line, "networkReady") ? "networkReady" : "runtimeReady");
                if (kind_ == Kind::registered)
                        cause_ = complaint_;
        } else if (says(line, "event=\"NodeReady\"") || says(line, "just became ready")) {
                take_as_ready();
        } else {
                return false;
        }

        return true;
}

void JoinState::take_as_ready()
{
        kind_ = Kind::ready;
        became_not_ready_ = false;
        cause_.clear();
        complaint_.clear();
}

void JoinState::end()
{
        if (kind_ == Kind::ready)
                kind_ = Kind::starting;
        if (cause_.empty())
                cause_ = error_;
}

std::string JoinState::code() const
{
        const auto* const known = find_join_cause(cause_);
        return cause_.empty() ? "" : known == nullptr ? "unknown" : std::string(known->code);
}

std::string JoinState::change(const NodeIdentity& identity) const
{
        const auto* const known = cause_.empty() ? nullptr : find_join_cause(cause_);
        return known == nullptr ? std::string() : change_for(*known, identity);
}

std::string JoinState::awaited(const NodeIdentity& identity) const
{
        const auto* const what =
                kind_ == Kind::registered ? "the node to be Ready" : "kubelet to register the node";
        if (cause_.empty())
                return fmt::format("Waiting for {}", what);

        const auto to_change = change(identity);
        return fmt::format(
                "Waiting for {}: {}{}", what, cause_, to_change.empty() ? "" : ". Change: " + to_change);
}

} // namespace eks
