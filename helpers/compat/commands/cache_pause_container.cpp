// SPDX-License-Identifier: Apache-2.0
// cache-pause-container, for image builds that use the scripts of Amazon Linux 2023.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "compat/commands/cache_pause_container.hpp"
#include "compat/commands/commands.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "net/pull.hpp"
#include "steps/sandbox-image/sandbox_image.hpp"
#include "verbs/images/images.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto export_timeout = 120s;
constexpr int export_attempts = 5;
constexpr const char* source_key = "io.cri-containerd.source";

constexpr auto usage = "usage: cache-pause-container -i IMAGE [-t TAG] [-e PATH]\n"
                       "\n"
                       "Pull a pause image, pin it under the name that nodes use, and export it.\n"
                       "\n"
                       "  -i IMAGE  what to pull\n"
                       "  -t TAG    the name (default: localhost/kubernetes/pause:latest)\n"
                       "  -e PATH   the archive (default: /etc/eks/pause.tar)\n"
                       "\n"
                       "See cache-pause-container(8).\n";

void say(const std::string& text)
{
        fmt::print(stderr, "cache-pause-container: {}\n", text);
}

// A tar archive ends with two blocks of zeros.
bool is_whole_archive(const std::string& path)
{
        std::array<char, 1024> end{};
        std::ifstream archive(path, std::ios::binary);
        archive.seekg(-static_cast<std::streamoff>(end.size()), std::ios::end);
        archive.read(end.data(), end.size());
        return archive && std::ranges::all_of(end, [](char c) { return c == '\0'; });
}

// An export that fails leaves the earlier file in place. ctr of containerd 2 may end with status 0 before
// the last bytes have reached the file; the next attempt then succeeds.
void export_image(const std::string& name, const std::string& path)
{
        const auto unfinished = path + ".new";
        ProcessResult result;

        for (int attempt = 0; attempt < export_attempts; ++attempt) {
                result = run_program(
                        {"/usr/bin/ctr", "--namespace", "k8s.io", "images", "export", unfinished, name},
                        export_timeout);
                if (result.timed_out || result.status != 0 || is_whole_archive(unfinished))
                        break;
                result.output = "the archive has no end";
        }

        if (result.timed_out || result.status != 0 || !is_whole_archive(unfinished)) {
                remove_if_exists(unfinished);
                throw Error(failure::file_io,
                        fmt::format("`ctr images export {}` {}: {}", path,
                                result.timed_out ? "did not end in time"
                                                 : fmt::format("ended with status {}", result.status),
                                trim(result.output)),
                        "Run it where an image is built: containerd must have its default configuration, and must "
                        "not have the image's layers from another image");
        }

        if (::rename(unfinished.c_str(), path.c_str()) != 0)
                throw io_error("write", path, errno);
}

void cache(const PauseCache& what)
{
        const Root root;
        const auto source = parse_image_name(what.image).text();
        const auto name = parse_image_name(what.name).text();
        const auto config = read_file_if_exists(root(containerd_config_path));
        ContainerdClient containerd(containerd_options(
                root, config ? snapshotter_in(*config, std::string(containerd_config_path)) : ""));
        say("pulling " + source);
        pull_one(containerd, parse_image_name(what.image), std::nullopt, say);

        const auto pulled = containerd.image(source);
        if (!pulled)
                throw Error(failure::image_absent, fmt::format("containerd lost the image '{}'", source),
                        "See `journalctl -u containerd`");

        containerd.alias_image(*pulled, name);
        const auto image = containerd.image(name);
        if (!image)
                throw Error(failure::image_absent, fmt::format("containerd lost the image '{}'", name),
                        "See `journalctl -u containerd`");

        containerd.label_image(*image, pin_key, pin_value);
        containerd.label_image(*image, source_key, what.image);
        export_image(name, what.archive);
        say(fmt::format("{} is {}, pinned and exported to {}", name, source, what.archive));
}

} // namespace

PauseCache pause_cache(int argc, char** argv)
{
        PauseCache what;
        opterr = 0;
        optind = 1;

        for (int option = 0; (option = ::getopt(argc, argv, "+i:t:e:")) != -1;)
                switch (option) {
                case 'i':
                        what.image = optarg;
                        break;
                case 't':
                        what.name = optarg;
                        break;
                case 'e':
                        what.archive = optarg;
                        break;
                default:
                        throw Error(
                                failure::usage, fmt::format("unknown option '{}', or one without its value",
                                                        argv[optind - 1]));
                }

        if (what.image.empty() || optind < argc)
                throw Error(failure::usage, what.image.empty()
                                                    ? std::string("-i IMAGE is needed")
                                                    : fmt::format("unknown argument '{}'", argv[optind]));

        return what;
}

int cache_pause_container_command(int argc, char** argv)
{
        if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
                fmt::print("{}", usage);
                return 0;
        }

        try {
                cache(pause_cache(argc, argv));
                return 0;
        } catch (const Error& e) {
                say(e.full_text());
                if (e.failure().name == failure::usage.name)
                        fmt::print(stderr, "{}", usage);
        } catch (const std::exception& e) {
                say(e.what());
        }

        return 1;
}

} // namespace eks
