// SPDX-License-Identifier: Apache-2.0
// For mime_test.py: reads documents in base64, one a line, and prints how each is read as user data, as a
// line of JSON.
#include <iostream>

#include "base/error.hpp"
#include "document/layer.hpp"
#include "userdata/base64.hpp"
#include "userdata/user_data.hpp"

namespace {

eks::Json read(const std::string& bytes)
{
        try {
                const auto data = eks::read_user_data(bytes, "user data");
                auto documents = eks::Json::array();
                for (const auto& document : data.documents)
                        documents.push_back({{"toml", document.form == eks::UserDataDocument::Form::toml},
                                {"nested", document.nested}, {"text", document.text}});
                return {{"documents", documents}, {"scripts", data.has_scripts},
                        {"notes", data.notes.size()}};
        } catch (const eks::Error& e) {
                return {{"refused", e.what()}};
        }
}

} // namespace

int main()
{
        for (std::string line; std::getline(std::cin, line);)
                std::cout << read(eks::decode_base64(line).value_or(""))
                                     .dump(-1, ' ', false, eks::Json::error_handler_t::replace)
                          << '\n';
}
