// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

namespace fs = std::filesystem;

namespace {

std::string slurp(const std::string& path)
{
        std::ifstream file(path, std::ios::binary);
        if (!file)
                return "(absent)";
        std::ostringstream content;
        content << file.rdbuf();
        return content.str();
}

void must(bool held, const std::string& what)
{
        if (!held)
                throw std::runtime_error("test support: " + what);
}

} // namespace

TemporaryDirectory::TemporaryDirectory()
{
        const char* base = std::getenv("TMPDIR");
        std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/eksnode-unit.XXXXXX";
        must(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
        path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory()
{
        std::error_code ignored;
        fs::remove_all(path_, ignored);
}

void TemporaryDirectory::write(std::string_view path, std::string_view content, mode_t mode) const
{
        const auto real = (*this)(path);
        fs::create_directories(fs::path(real).parent_path());
        std::ofstream file(real, std::ios::binary | std::ios::trunc);
        file << content;
        file.close();
        must(static_cast<bool>(file), "write " + real);
        must(::chmod(real.c_str(), mode) == 0, "chmod " + real);
}

void TemporaryDirectory::link(std::string_view path, const std::string& target) const
{
        const auto real = (*this)(path);
        fs::create_directories(fs::path(real).parent_path());
        must(::symlink(target.c_str(), real.c_str()) == 0, "symlink " + real);
}

std::string TemporaryDirectory::read(std::string_view path) const
{
        return slurp((*this)(path));
}

bool TemporaryDirectory::has(std::string_view path) const
{
        struct stat st {};
        return ::lstat((*this)(path).c_str(), &st) == 0;
}

mode_t TemporaryDirectory::mode(std::string_view path) const
{
        struct stat st {};
        must(::stat((*this)(path).c_str(), &st) == 0, "stat " + (*this)(path));
        return st.st_mode & 07777U;
}

std::vector<std::string> TemporaryDirectory::names(std::string_view path) const
{
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator((*this)(path)))
                names.push_back(entry.path().filename());
        std::ranges::sort(names);
        return names;
}

std::string source_file(const std::string& path)
{
        const auto real = std::string(SOURCE_DIR) + "/" + path;
        must(fs::exists(real), real + " is not there");
        return slurp(real);
}

std::ostream& operator<<(std::ostream& out, const Refusal& refusal)
{
        return out << refusal.failure << ": " << refusal.what << " | " << refusal.remedy;
}

int in_child(const std::function<int()>& f)
{
        const pid_t pid = ::fork();
        must(pid >= 0, "fork");

        if (pid == 0) {
                // Catch's handlers would report the parent's test a second time.
                for (const int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL})
                        ::signal(number, SIG_DFL);
                int status = 99;

                try {
                        status = f();
                } catch (...) {
                        status = 99;
                }

                ::_exit(status);
        }

        int status = 0;
        must(::waitpid(pid, &status, 0) == pid, "waitpid");

        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

ChildResult captured_child(const std::function<int()>& f)
{
        const TemporaryDirectory directory;
        const int status = in_child([&] {
                const int out = ::open(directory("/out").c_str(), O_WRONLY | O_CREAT, 0600);
                const int err = ::open(directory("/err").c_str(), O_WRONLY | O_CREAT, 0600);
                ::dup2(out, STDOUT_FILENO);
                ::dup2(err, STDERR_FILENO);
                const int result = f();
                ::fflush(stdout);
                return result;
        });

        return {status, directory.read("/out"), directory.read("/err")};
}

std::string survives_damage(const std::string& seed, std::string_view spice, int rounds,
        std::string_view kinds, const std::function<void(const std::string&)>& parse)
{
        const TemporaryDirectory directory;
        const auto status = in_child([&] {
                std::minstd_rand random(20'240'501);
                const auto pick = [&](std::size_t limit) {
                        return limit == 0 ? 0 : static_cast<std::size_t>(random()) % limit;
                };

                for (int round = 0; round < rounds; ++round) {
                        auto text = seed;
                        for (std::size_t change = pick(4) + 1; change-- > 0;)
                                switch (pick(4)) {
                                case 0:
                                        text[pick(text.size())] = spice[pick(spice.size())];
                                        break;
                                case 1:
                                        text.insert(pick(text.size()), 1, spice[pick(spice.size())]);
                                        break;
                                case 2:
                                        text.erase(pick(text.size()), pick(8) + 1);
                                        break;
                                default:
                                        text.insert(
                                                pick(text.size()), text.substr(pick(text.size()), pick(30)));
                                }

                        directory.write("/text", text); // what a crash was about
                        const auto result = refusal([&] { parse(text); });
                        if (result.failure != "nothing" && !result.failure.starts_with(kinds)) {
                                directory.write("/result", result.failure + ": " + result.what);
                                return 1;
                        }
                }

                return 0;
        });

        if (status == 0)
                return {};

        return (status == 1 ? directory.read("/result")
                            : "the child ended with status " + std::to_string(status)) +
               ", for this text:\n" + directory.read("/text");
}

} // namespace test
