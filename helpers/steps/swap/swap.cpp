// SPDX-License-Identifier: Apache-2.0
#include "steps/swap/swap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/swap.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/swap/areas.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

using Kind = SwapSettings::Kind;

constexpr double gibibyte = 1U << 30U;

// The kernel fills the area of the highest priority first.
int priority(Kind kind)
{
        return kind == Kind::zram ? 100 : kind == Kind::store ? 50 : 10;
}

// What is on, and the record of it.
class Swap {
public:
        Swap(Context& context, const StartUnit& start, const SwapCalls& calls)
                : context_(&context), start_(&start), calls_(&calls), record_(swap_record(context.root()))
        {
        }

        void set_up(const std::optional<SwapSettings>& settings, std::uint64_t size);
        void warn_of_other_areas() const;

private:
        const Root& root() const { return context_->root(); }

        void record(SwapRecord now);
        bool is_on(const std::string& path) const;
        bool is_as_configured(const SwapSettings& settings, std::uint64_t size) const;

        void turn_off(const std::string& path);
        void turn_off_recorded();
        void turn_all_off();
        void turn_on(const SwapSettings& settings, std::uint64_t size);

        std::string make_file(const SwapSettings& settings, std::uint64_t size);
        void remove_file(const std::string& path);
        void remove_file_on_store(const std::optional<SwapSettings>& settings);

        Context* context_;
        const StartUnit* start_;
        const SwapCalls* calls_;
        SwapRecord record_;
};

void Swap::set_up(const std::optional<SwapSettings>& settings, std::uint64_t size)
{
        const bool stays = settings && settings->is_on() && is_as_configured(*settings, size);
        if (!stays)
                turn_off_recorded();

        // Files of an earlier boot are not in the record of this one.
        if (!settings || settings->kind != Kind::file)
                remove_file(std::string(swap_file_path));
        remove_file_on_store(settings);

        if (!settings) {
                remove_if_exists(root()(swap_record_path));
                context_->did("no swap is configured", false);
                return;
        }

        if (stays) {
                context_->did(fmt::format("swap is on: {}", record_.path), false);
                return;
        }

        record({settings->name, ""});
        if (settings->kind == Kind::off)
                turn_all_off();
        else
                turn_on(*settings, whole_pages(size));
}

void Swap::warn_of_other_areas() const
{
        auto areas = swap_areas(root());
        std::erase_if(areas, [&](const SwapArea& area) { return area.path == record_.path; });

        if (areas.empty() || record_.kind == "off")
                return;

        context_->log().write(Level::warning,
                fmt::format("swap is on that eks-swap has not turned on ({}), proceeding", names_of(areas)),
                event::config_warning.id);
}

void Swap::record(SwapRecord now)
{
        record_ = std::move(now);
        write_atomically(root()(swap_record_path), render_swap_record(record_), 0644, Durability::unsynced);
}

bool Swap::is_on(const std::string& path) const
{
        const auto areas = swap_areas(root());
        return std::ranges::find(areas, path, &SwapArea::path) != areas.end();
}

bool Swap::is_as_configured(const SwapSettings& settings, std::uint64_t size) const
{
        return record_.kind == settings.name && !record_.path.empty() && is_on(record_.path) &&
               size_of_our_swap_at(root()(record_.path)) == whole_pages(size);
}

void Swap::turn_off(const std::string& path)
{
        if (const int error = calls_->off(root()(path)); error != 0)
                throw Error(failure::swap_failed,
                        fmt::format("cannot turn off swap on '{}': {}", path, ::strerror(error)),
                        error == ENOMEM ? "What it holds does not fit into memory. Reboot the machine"
                                        : "See `journalctl -k`");
        context_->did(fmt::format("turned off swap on {}", path), true);
}

// What an earlier run of this boot turned on.
void Swap::turn_off_recorded()
{
        const auto path = record_.path;
        if (path.empty())
                return;

        if (is_on(path))
                turn_off(path);

        if (is_zram(path))
                reset_zram(root(), path);
        else
                remove_file(path);
        record({record_.kind, ""});
}

void Swap::turn_all_off()
{
        std::vector<std::string> failures;
        for (const auto& area : swap_areas(root()))
                if (const int error = calls_->off(root()(area.path)); error != 0)
                        failures.push_back(fmt::format("'{}': {}", area.path, ::strerror(error)));
                else
                        context_->did(fmt::format("turned off swap on {}", area.path), true);

        if (!failures.empty())
                throw Error(failure::swap_failed,
                        fmt::format("cannot turn off swap on {}", join(failures, ", ")),
                        "Remove it from /etc/fstab or from the image, and reboot");

        if (!context_->changed())
                context_->did("there is no swap", false);
}

void Swap::turn_on(const SwapSettings& settings, std::uint64_t size)
{
        const auto path = settings.kind == Kind::zram ? make_zram(*context_, *start_, settings, size)
                                                      : make_file(settings, size);

        // Recorded first: if the run is killed, the next one knows the area.
        record({settings.name, path});

        const int flags = SWAP_FLAG_PREFER | (priority(settings.kind) & SWAP_FLAG_PRIO_MASK);
        if (const int error = is_on(path) ? 0 : calls_->on(root()(path), flags); error != 0) {
                if (settings.kind == Kind::zram)
                        reset_zram(root(), path);
                record({settings.name, ""});
                throw swap_refusal(settings,
                        fmt::format("the kernel refuses '{}': {}", path, ::strerror(error)),
                        "See `journalctl -k`");
        }

        context_->did(fmt::format("turned on {} of swap on {}", in_gibibytes(size), path), true);
}

std::string Swap::make_file(const SwapSettings& settings, std::uint64_t size)
{
        auto path = swap_file_in(settings);
        if (has_swap_file(root(), *calls_, settings, size))
                return path;

        if (exists(root()(path)))
                remove_file(path);
        make_swap_file(root(), settings, size);
        return path;
}

// Only a file of eks-swap.
void Swap::remove_file(const std::string& path)
{
        remove_partial_file(root(), path);
        if (!size_of_our_swap_at(root()(path)))
                return;

        if (is_on(path))
                turn_off(path);
        if (remove_if_exists(root()(path)))
                context_->did(fmt::format("removed {}", path), true);
}

void Swap::remove_file_on_store(const std::optional<SwapSettings>& settings)
{
        const auto path = swap_on_store(root());
        const bool is_configured =
                settings && settings->kind == Kind::store && swap_file_in(*settings) == path;
        if (path.empty() || is_configured)
                return;

        remove_file(path);
        remove_if_exists(root()(swap_on_store_path));
}

} // namespace

Error swap_refusal(const SwapSettings& settings, std::string_view why, const char* remedy)
{
        return {failure::swap_failed,
                fmt::format("{}: swap = '{}': {}", settings.source, settings.name, why), remedy};
}

std::string in_gibibytes(std::uint64_t bytes)
{
        return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / gibibyte);
}

void set_up_swap(Context& context, const std::optional<SwapSettings>& settings, std::uint64_t memory,
        const StartUnit& start, const SwapCalls& calls)
{
        Swap swap(context, start, calls);
        swap.set_up(settings, settings ? settings->size(memory) : 0);
        if (settings)
                swap.warn_of_other_areas();
}

} // namespace eks
