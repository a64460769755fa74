// SPDX-License-Identifier: Apache-2.0
// A fleet of nodes that boots within one second, on a virtual clock; see README.md.
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include "report.hpp"

namespace {

using namespace fleet;

constexpr const char* usage = R"(usage: tests/fleet [--nodes N] [--case NAME] [--json] [--svg FILE]

Boots a fleet in a simulation, with eksnode's own client of AWS and with two others, and prints the calls of
AWS and the times until the nodes have joined. Fails if eksnode does not keep its promises.

  --nodes N    1 to 100000 nodes; 1000 by default
  --case NAME  only one of: complete, private-dns-name, describe-cluster, imds-off, brown-out
  --json       print JSON
  --svg FILE   write a chart of the nodes that have joined over time
)";

// The client of AWS reads AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS and the like, so that the result would depend
// on the settings of this machine.
void clear_aws_settings()
{
        std::vector<std::string> names;
        for (auto** variable = ::environ; *variable != nullptr; ++variable)
                if (const std::string text = *variable; text.starts_with("AWS_"))
                        names.push_back(text.substr(0, text.find('=')));
        for (const auto& name : names)
                ::unsetenv(name.c_str());
}

struct Options {
        std::size_t nodes = 1000;
        std::string only;
        bool json = false;
        std::string svg;
};

struct BadUsage : std::runtime_error {
        using std::runtime_error::runtime_error;
};

std::size_t parse_count(const std::string& text)
{
        constexpr std::size_t most = 100000;
        std::size_t count = 0;
        const auto* end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data(), end, count);
        if (error != std::errc() || rest != end || count < 1 || count > most)
                throw BadUsage("--nodes " + text + ": not a number from 1 to 100000");
        return count;
}

// Nothing if help is asked for.
std::optional<Options> parse_options(const std::vector<std::string>& words)
{
        Options options;
        for (std::size_t i = 0; i < words.size(); ++i) {
                const auto& word = words[i];
                const auto value = [&]() -> const std::string& {
                        if (i + 1 == words.size())
                                throw BadUsage(word + " needs a value");
                        return words[++i];
                };

                if (word == "--help")
                        return std::nullopt;
                if (word == "--nodes")
                        options.nodes = parse_count(value());
                else if (word == "--case")
                        options.only = value();
                else if (word == "--json")
                        options.json = true;
                else if (word == "--svg")
                        options.svg = value();
                else
                        throw BadUsage("unknown option " + word);
        }

        return options;
}

std::vector<Result> run(const Options& options)
{
        std::vector<Result> results;
        for (const auto& what : cases)
                if (options.only.empty() || options.only == what.name)
                        for (const auto& client : clients)
                                results.push_back(boot_fleet(what, client, options.nodes));
        if (results.empty())
                throw BadUsage("--case " + options.only + ": there is no such case");
        return results;
}

// Whether eksnode keeps its promises.
bool check(const std::vector<Result>& results)
{
        bool kept = true;
        for (const auto& result : results) {
                if (result.client != clients.data())
                        continue;
                for (const auto& broken : broken_promises(result)) {
                        std::cerr << "tests/fleet: " << broken << '\n';
                        kept = false;
                }
        }

        return kept;
}

} // namespace

int main(int argc, char** argv)
{
        try {
                const auto options = parse_options({argv + 1, argv + argc});
                if (!options) {
                        std::cout << usage;
                        return 0;
                }

                clear_aws_settings();
                const auto results = run(*options);
                std::cout << (options->json ? render_json(results) : render_table(results));
                if (!options->svg.empty()) {
                        std::ofstream file(options->svg);
                        file << render_chart(results) << std::flush;
                        if (!file)
                                throw std::runtime_error("cannot write '" + options->svg + "'");
                }

                return check(results) ? 0 : 1;
        } catch (const BadUsage& e) {
                std::cerr << "tests/fleet: " << e.what() << "\n\n" << usage;
                return 2;
        } catch (const std::exception& e) {
                std::cerr << "tests/fleet: " << e.what() << '\n';
                return 1;
        }
}
