// SPDX-License-Identifier: Apache-2.0
// Scripts that call bootstrap.sh. What is read must also be fit to be written.
#include <cstdint>

#include "base/error.hpp"
#include "config/bootstrap_call.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
        try {
                const std::string_view bytes(reinterpret_cast<const char*>(data), size);
                if (const auto layer = eks::parse_bootstrap_call(bytes, "user data"))
                        layer->tree.dump();
        } catch (const eks::Error&) { // refused; anything else that is thrown ends the run
        }
        return 0;
}
