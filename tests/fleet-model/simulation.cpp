// SPDX-License-Identifier: Apache-2.0
#include "simulation.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include <cxxabi.h>
#include <sys/mman.h>
#include <ucontext.h>

// AddressSanitizer has to know which stack is in use.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FLEET_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FLEET_ASAN
#endif
#ifdef FLEET_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace fleet {

namespace {

constexpr std::size_t guard_size = 4096;
#ifdef FLEET_ASAN
constexpr std::size_t stack_size = 512 * 1024;
#else
constexpr std::size_t stack_size = 128 * 1024; // of address space; memory only as far as it is used
#endif

class Stack {
public:
        Stack()
                : begin_(::mmap(nullptr, guard_size + stack_size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0))
        {
                if (begin_ == MAP_FAILED)
                        throw std::bad_alloc();
                ::mprotect(begin_, guard_size, PROT_NONE); // it grows downwards
        }
        Stack(const Stack&) = delete;
        Stack& operator=(const Stack&) = delete;
        ~Stack() { ::munmap(begin_, guard_size + stack_size); }

        void* base() const { return static_cast<char*>(begin_) + guard_size; }

private:
        void* begin_;
};

// The exceptions that are being handled, of which the C++ runtime keeps a list for each thread. A fiber may
// sleep in a handler.
struct Exceptions {
        void* caught = nullptr;
        unsigned uncaught = 0;

        void swap_with_thread()
        {
                auto* thread = reinterpret_cast<void*>(abi::__cxa_get_globals());
                Exceptions had;
                std::memcpy(&had, thread, sizeof had);
                std::memcpy(thread, this, sizeof *this);
                *this = had;
        }
};

} // namespace

double Random::operator()()
{
        state_ += 0x9e3779b97f4a7c15U;
        auto z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return static_cast<double>((z ^ (z >> 31U)) >> 11U) * 0x1p-53;
}

Time Random::between(Time least, Time most)
{
        return least + Time(static_cast<Time::rep>(static_cast<double>((most - least).count()) * (*this)()));
}

class Fiber {
public:
        explicit Fiber(std::function<void()> program) : program_(std::move(program)) {}

        // Returns when the program sleeps or has ended. Throws what the program throws.
        void resume()
        {
                if (!stack_)
                        begin();

                exceptions_.swap_with_thread();
                enter();
                ::swapcontext(&caller_, &context_);
                entered(caller_fake_stack_);
                exceptions_.swap_with_thread();

                if (!ended_)
                        return;
                stack_.reset();
                program_ = nullptr;
                if (thrown_)
                        std::rethrow_exception(thrown_);
        }

        // By the program.
        void suspend()
        {
                leave(false);
                ::swapcontext(&context_, &caller_);
                entered(fake_stack_);
        }

private:
        void begin()
        {
                stack_ = std::make_unique<Stack>();
                ::getcontext(&context_);
                context_.uc_stack.ss_sp = stack_->base();
                context_.uc_stack.ss_size = stack_size;
                context_.uc_link = &caller_;
                starting = this; // makecontext() passes no pointers
                ::makecontext(
                        &context_, [] { starting->run(); }, 0);
        }

        void run()
        {
                entered(nullptr);
                try {
                        program_();
                } catch (...) {
                        thrown_ = std::current_exception();
                }
                ended_ = true;
                leave(true);
        }

#ifdef FLEET_ASAN
        void enter()
        {
                ::__sanitizer_start_switch_fiber(&caller_fake_stack_, stack_->base(), stack_size);
        }
        void leave(bool forever)
        {
                ::__sanitizer_start_switch_fiber(
                        forever ? nullptr : &fake_stack_, caller_base_, caller_size_);
        }
        void entered(void* fake_stack)
        {
                // Only the caller's stack is not known otherwise.
                const void* base = nullptr;
                std::size_t size = 0;
                ::__sanitizer_finish_switch_fiber(fake_stack, &base, &size);
                if (base != stack_->base()) {
                        caller_base_ = base;
                        caller_size_ = size;
                }
        }

        const void* caller_base_ = nullptr;
        std::size_t caller_size_ = 0;
#else
        void enter() {}
        void leave(bool) {}
        void entered(void*) {}
#endif

        static inline Fiber* starting = nullptr;

        std::function<void()> program_;
        std::unique_ptr<Stack> stack_;
        ucontext_t context_{};
        ucontext_t caller_{};
        Exceptions exceptions_;
        std::exception_ptr thrown_;
        bool ended_ = false;
        void* fake_stack_ = nullptr;
        void* caller_fake_stack_ = nullptr;
};

Simulation::Simulation() = default;
Simulation::~Simulation() = default;

void Simulation::start(Time at, std::function<void()> program)
{
        fibers_.push_back(std::make_unique<Fiber>(std::move(program)));
        schedule(at, *fibers_.back());
}

void Simulation::schedule(Time at, Fiber& fiber)
{
        events_.push({.at = at, .sequence = sequence_++, .fiber = &fiber});
}

void Simulation::run()
{
        while (!events_.empty()) {
                const auto event = events_.top();
                events_.pop();
                now_ = event.at;
                running_ = event.fiber;
                running_->resume();
                running_ = nullptr;
        }
}

void Simulation::sleep(Time time)
{
        if (running_ == nullptr)
                throw std::logic_error("only a program of the simulation can sleep in it");
        schedule(now_ + std::max(time, Time(0)), *running_);
        running_->suspend();
}

} // namespace fleet
