// SPDX-License-Identifier: Apache-2.0
// Facts of the instance that the configuration may have for a machine whose metadata service is off:
// [facts].
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace eks {

// The names as in imds.json(5); the keys are facts.NAME.
inline constexpr std::array configured_facts{
        "availabilityZone", "instanceId", "instanceType", "localHostname", "region"};

// What is wrong with the value of such a fact; "" if nothing is.
std::string wrong_fact(std::string_view name, std::string_view value);

// "us-west-2" of "us-west-2a" and "us-west-2-lax-1a"; "" if it is not the name of a zone or region.
std::string region_of_zone(std::string_view zone);

} // namespace eks
