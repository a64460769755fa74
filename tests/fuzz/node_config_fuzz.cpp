// SPDX-License-Identifier: Apache-2.0
// NodeConfig documents, YAML and JSON. What is read must also be fit to be written.
#include <cstdint>

#include "base/error.hpp"
#include "config/node_config.hpp"
#include "document/layer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
        try {
                const std::string_view bytes(reinterpret_cast<const char*>(data), size);
                eks::parse_node_config(bytes, "user data").tree.dump();
        } catch (const eks::Error&) { // refused; anything else that is thrown ends the run
        }
        return 0;
}
