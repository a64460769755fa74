// SPDX-License-Identifier: Apache-2.0
#include "steps/join/join.hpp"

#include "base/json.hpp"

namespace eks {

namespace {

constexpr std::string_view state_name(JoinState::Kind kind)
{
        switch (kind) {
        case JoinState::Kind::starting:
                return "starting";
        case JoinState::Kind::unregistered:
                return "not-registered";
        case JoinState::Kind::registered:
                return "registered";
        case JoinState::Kind::ready:
                return "ready";
        }
        return "";
}

} // namespace

std::string render_status(const JoinState& state, const NodeIdentity& identity, std::int64_t since)
{
        const OrderedJson status{{"schema", status_schema}, {"state", state_name(state.kind())},
                {"code", state.code()}, {"cause", state.cause()}, {"change", state.change(identity)},
                {"since", since}};
        return status.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

} // namespace eks
