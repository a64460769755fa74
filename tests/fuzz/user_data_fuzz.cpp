// SPDX-License-Identifier: Apache-2.0
// User data in any wrapping. What is read must also be fit to be written: dump() throws if it is not UTF-8.
#include <cstdint>

#include "base/error.hpp"
#include "config/sources.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
        try {
                const std::string_view bytes(reinterpret_cast<const char*>(data), size);
                std::vector<eks::Note> notes;
                for (const auto& layer :
                        eks::parse_documents(eks::read_user_data(bytes, "user data"), notes))
                        layer.tree.dump();
        } catch (const eks::Error&) { // refused; anything else that is thrown ends the run
        }
        return 0;
}
