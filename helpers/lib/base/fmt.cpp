// SPDX-License-Identifier: Apache-2.0
// fmt's own functions as a library of ours: Amazon Linux 2023 has no package of this version. Our code
// formats no float, no long double and nothing by locale: macros in meson.build leave this out.
#include <fmt/format-inl.h>

// The header declares them as templates that are instantiated elsewhere.
namespace fmt::detail {

template FMT_API thousands_sep_result<char> thousands_sep_impl<char>(locale_ref);
template FMT_API char decimal_point_impl<char>(locale_ref);
#if FMT_VERSION >= 100000 // in Debian 13
template FMT_API void vformat_to(buffer<char>&, string_view, vformat_args<char>::type, locale_ref);
template FMT_API void buffer<char>::append(const char*, const char*);
#endif

} // namespace fmt::detail
