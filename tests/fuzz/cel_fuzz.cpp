// SPDX-License-Identifier: Apache-2.0
// Expressions for maxPods. What compiles must also evaluate, or say why not.
#include <array>
#include <cstdint>

#include "base/error.hpp"
#include "cel/cel.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
        constexpr std::array<std::string_view, 3> names{"default_enis", "ips_per_eni", "max_pods"};
        try {
                const std::string_view bytes(reinterpret_cast<const char*>(data), size);
                const auto expression = eks::CelExpression::compile(bytes, names);

                for (const auto& values :
                        {std::array<std::int64_t, 3>{3, 10, 29}, {INT64_MAX, INT64_MIN, 0}})
                        try {
                                expression.evaluate(values);
                        } catch (const eks::Error&) { // overflow, division by zero
                        }
        } catch (const eks::Error&) { // refused; anything else that is thrown ends the run
        }

        return 0;
}
