// SPDX-License-Identifier: Apache-2.0
// Feeds every file of the directories in its arguments to a fuzz target, so that the corpus is an ordinary
// test with any compiler. A crash names its file: it is the last one on stdout.
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/error.hpp"
#include "base/fs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv)
{
        try {
                int files = 0;
                for (int i = 1; i < argc; ++i)
                        for (const auto& name : eks::list_directory(argv[i])) {
                                const auto path = std::string(argv[i]) + "/" + name;
                                std::printf("%s\n", path.c_str());
                                std::fflush(stdout);
                                const auto bytes = eks::read_file(path);
                                LLVMFuzzerTestOneInput(
                                        reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
                                ++files;
                        }

                if (files > 0)
                        return 0;

                std::fprintf(stderr, "no files in the given directories\n");
        } catch (const std::exception& e) {
                std::fprintf(stderr, "%s\n", e.what());
        }

        return 1;
}
