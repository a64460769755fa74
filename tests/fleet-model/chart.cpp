// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "report.hpp"

namespace fleet {

namespace {

constexpr double width = 900;
constexpr double panel_height = 330;
constexpr double header = 70;
constexpr double left = 75;
constexpr double right = 25;
constexpr double top = 40;
constexpr double bottom = 60;

struct Style {
        const char* colour;
        const char* dashes;
};
constexpr std::array<Style, clients.size()> styles{
        {{"#0a6e4f", "none"}, {"#b3541e", "9 4"}, {"#3d5a99", "2 3"}}};

const Style& style_of(const Client& client)
{
        return styles[static_cast<std::size_t>(&client - clients.data())];
}

double seconds(Time time)
{
        return std::chrono::duration<double>(time).count();
}

// 1, 2 or 5 times a power of ten, so that an axis has at most that many steps.
double step_of(double most, double steps)
{
        const auto rough = std::max(most / steps, 1e-3);
        const auto power = std::pow(10, std::floor(std::log10(rough)));
        for (const auto factor : {1.0, 2.0, 5.0})
                if (rough <= factor * power)
                        return factor * power;
        return 10 * power;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text)
{
        return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>)"
                           "\n",
                x, y, anchor, text);
}

// The results of one case below each other on one pair of axes.
class Panel {
public:
        Panel(std::vector<const Result*> results, double y) : results_(std::move(results)), y_(y)
        {
                for (const auto* result : results_)
                        if (!result->joined.empty())
                                most_time_ = std::max(most_time_, seconds(result->joined.back()));
                time_step_ = step_of(most_time_, 10);
                most_time_ = std::ceil(most_time_ / time_step_) * time_step_;

                most_nodes_ = static_cast<double>(results_.front()->nodes);
                node_step_ = step_of(most_nodes_, 5);
        }

        std::string render() const
        {
                auto text = fmt::format(R"(<text x="{:.1f}" y="{:.1f}" class="title">{}: {}</text>)"
                                        "\n",
                        left, y_ + top - 14, results_.front()->what->name, results_.front()->what->title);
                text += axes();
                for (const auto* result : results_)
                        text += line(*result);
                return text;
        }

private:
        double x(double time) const { return left + time / most_time_ * (width - left - right); }
        double y(double nodes) const
        {
                return y_ + top + (1 - nodes / most_nodes_) * (panel_height - top - bottom);
        }

        std::string axes() const
        {
                std::string text;
                constexpr double rounding = 1e-6;
                for (double nodes = 0; nodes <= most_nodes_ + rounding; nodes += node_step_) {
                        text += fmt::format(
                                R"(<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)"
                                "\n",
                                left, y(nodes), width - right, y(nodes));
                        text += text_at(left - 8, y(nodes) + 4, "end", fmt::format("{:g}", nodes));
                }

                for (double time = 0; time <= most_time_ + rounding; time += time_step_) {
                        text += fmt::format(
                                R"(<line class="axis" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)"
                                "\n",
                                x(time), y(0), y(0) + 5);
                        text += text_at(x(time), y(0) + 19, "middle", fmt::format("{:g}", time));
                }

                text += fmt::format(R"(<path class="axis" d="M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}"/>)"
                                    "\n",
                        left, y(most_nodes_), y(0), width - right);
                text += text_at((left + width - right) / 2, y(0) + 40, "middle",
                        "seconds after the first node's boot");
                text += fmt::format(
                        R"svg(<text transform="translate(16 {:.1f}) rotate(-90)" text-anchor="middle">joined nodes</text>)svg"
                        "\n",
                        y(most_nodes_ / 2));
                return text;
        }

        // Steps where they can be seen: at most one point for each pixel.
        std::string line(const Result& result) const
        {
                auto path = fmt::format("M{:.1f} {:.1f}", x(0), y(0));
                auto drawn = x(0);
                for (std::size_t i = 0; i < result.joined.size(); ++i) {
                        const auto at = x(seconds(result.joined[i]));
                        if (at - drawn < 1 && i + 1 < result.joined.size())
                                continue;
                        path += fmt::format("H{:.1f}V{:.1f}", at, y(static_cast<double>(i + 1)));
                        drawn = at;
                }
                path += fmt::format("H{:.1f}", x(most_time_));

                const auto& style = style_of(*result.client);
                return fmt::format(R"(<path class="line" stroke="{}" stroke-dasharray="{}" d="{}"/>)"
                                   "\n",
                        style.colour, style.dashes, path);
        }

        std::vector<const Result*> results_;
        double y_;
        double most_time_ = 1;
        double time_step_ = 1;
        double most_nodes_ = 1;
        double node_step_ = 1;
};

std::string legend()
{
        std::string text;
        auto x = left;
        for (const auto& client : clients) {
                const auto& style = style_of(client);
                text += fmt::format(
                        R"(<path class="line" stroke="{}" stroke-dasharray="{}" d="M{:.1f} 52h36"/>)"
                        "\n",
                        style.colour, style.dashes, x);
                text += text_at(x + 42, 56, "start", client.title);
                constexpr double per_character = 6.6;
                x += 66 + per_character * static_cast<double>(std::string_view(client.title).size());
        }
        return text;
}

} // namespace

std::string render_chart(const std::vector<Result>& results)
{
        std::vector<std::vector<const Result*>> panels;
        for (const auto& result : results) {
                if (panels.empty() || panels.back().front()->what != result.what)
                        panels.emplace_back();
                panels.back().push_back(&result);
        }

        const auto height = header + panel_height * static_cast<double>(panels.size());
        auto text = fmt::format(
                R"svg(<?xml version="1.0" encoding="UTF-8"?>
<!-- SPDX-License-Identifier: Apache-2.0; written by tests/fleet -->
<svg xmlns="http://www.w3.org/2000/svg" width="{0:g}" height="{1:g}" viewBox="0 0 {0:g} {1:g}" font-family="sans-serif" font-size="12">
<style>.title{{font-size:14px;font-weight:bold}} .grid{{stroke:#ddd}} .axis{{stroke:#333;fill:none}} .line{{fill:none;stroke-width:2}}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="{2:g}" y="28" font-size="17" font-weight="bold">{3} nodes that boot within one second (simulated)</text>
)svg",
                width, height, left, results.empty() ? 0 : results.front().nodes);
        text += legend();
        for (std::size_t i = 0; i < panels.size(); ++i)
                text += Panel(panels[i], header + panel_height * static_cast<double>(i)).render();

        return text + "</svg>\n";
}

} // namespace fleet
