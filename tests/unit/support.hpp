// SPDX-License-Identifier: Apache-2.0
// What the unit tests share: temporary directories, errors as values, forked children.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/error.hpp"
#include "base/root.hpp"

namespace test {

// A directory of its own, gone with all below it at the end. Also the root prefix of a made-up node.
class TemporaryDirectory {
public:
        TemporaryDirectory();
        TemporaryDirectory(const TemporaryDirectory&) = delete;
        TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
        ~TemporaryDirectory();

        const std::string& path() const { return path_; }
        eks::Root root() const { return eks::Root(path_); }
        // The real path of an absolute path of the node.
        std::string operator()(std::string_view path) const { return path_ + std::string(path); }

        // Write a file, with the directories on the way; plain code, so that it does not rest on what is
        // tested.
        void write(std::string_view path, std::string_view content, mode_t mode = 0644) const;
        void link(std::string_view path, const std::string& target) const;
        std::string read(std::string_view path) const; // "(absent)" if it is
        bool has(std::string_view path) const;         // dangling links count
        mode_t mode(std::string_view path) const;
        std::vector<std::string> names(std::string_view path) const; // sorted, hidden ones included

private:
        std::string path_;
};

// The whole content of a file of the source tree, such as "tests/unit/reference/kubeconfig.yaml".
std::string source_file(const std::string& path);

// How a call was refused. `failure` is the name of an eks::Failure, "nothing" if nothing was thrown, and
// "foreign" for any exception that is not an eks::Error: the libraries must let none of those out.
struct Refusal {
        std::string failure;
        std::string what = {};
        std::string remedy = {};

        bool mentions(std::string_view text) const { return what.find(text) != std::string::npos; }
        bool advises(std::string_view text) const { return remedy.find(text) != std::string::npos; }
};
std::ostream& operator<<(std::ostream& out, const Refusal& refusal);

template <typename F>
Refusal refusal(F&& f)
{
        try {
                f();
        } catch (const eks::Error& e) {
                return {std::string(e.failure().name), e.what(), e.remedy()};
        } catch (const std::exception& e) {
                return {"foreign", e.what()};
        }
        return {"nothing"};
}

// Run f in a forked child and return its exit status: what f returns, 128 + signal if it was killed, 99 if
// it threw.
int in_child(const std::function<int()>& f);

// The same, and what the child wrote to stdout and stderr.
struct ChildResult {
        int status;
        std::string out;
        std::string err;
};
ChildResult captured_child(const std::function<int()>& f);

// Damage `seed` in `rounds` ways, the same on every run, and give each text to `parse`, which may return or
// throw eks::Error of a kind that begins with `kinds`. Returns what else happened, a crash included, and to
// which text; "" if nothing did.
std::string survives_damage(const std::string& seed, std::string_view spice, int rounds,
        std::string_view kinds, const std::function<void(const std::string&)>& parse);

} // namespace test
