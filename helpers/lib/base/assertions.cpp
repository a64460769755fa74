// SPDX-License-Identifier: Apache-2.0
// What a failed assertion of libstdc++'s headers calls. libstdc++ has this function since g++ 12. With ours,
// programs run with the older libstdc++ of Amazon Linux 2023, whose symbols end at GLIBCXX_3.4.29.
#include <cstdio>
#include <cstdlib>

// The headers of g++ 12 declare it so; those of g++ 11 do not call it.
namespace std { // NOLINT(cert-dcl58-cpp)

// NOLINTNEXTLINE(bugprone-reserved-identifier)
__attribute__((__noreturn__)) void __glibcxx_assert_fail(
        const char* file, int line, const char* function, const char* condition) noexcept
{
        std::fprintf(stderr, "%s:%d: %s: Assertion '%s' failed.\n", file, line, function, condition);
        std::abort();
}

} // namespace std
