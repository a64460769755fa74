// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "net/http.hpp"

namespace eks {

// HttpClient::fetch() over libcurl, which is loaded at the first call, as by aws_call(). Throws as that, and
// Error (internal) if it cannot be loaded.
std::vector<HttpResponse> fetch_https(const std::vector<HttpRequest>& requests, const HttpOptions& options);

} // namespace eks
