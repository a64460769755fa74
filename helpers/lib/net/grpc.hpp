// SPDX-License-Identifier: Apache-2.0
// One unary gRPC call over a unix socket, on nghttp2. gRPC is HTTP/2 with a five-byte frame around each
// message (source: grpc, "gRPC over HTTP2").
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace eks {

struct GrpcReply {
        int status = 0;      // gRPC's: 0 is OK
        std::string text;    // the server's message
        std::string message; // Protocol Buffers
};

// There was no answer, or it was not gRPC; what() says why.
class GrpcError : public std::exception {
public:
        explicit GrpcError(std::string what) : what_(std::move(what)) {}
        const char* what() const noexcept override { return what_.c_str(); }

private:
        std::string what_;
};

struct GrpcCall {
        std::string socket; // path
        std::string method; // "containerd.services.images.v1.Images/Get"
        std::vector<std::pair<std::string, std::string>> metadata; // names in lower case
        std::string message;                                       // Protocol Buffers
        std::size_t answer_limit = 16U << 20U;                     // bytes
};

// A connection that cannot be made or breaks is tried again until the deadline; the server's answer is
// final. Throws GrpcError.
GrpcReply grpc_call(const GrpcCall& call, std::chrono::steady_clock::time_point deadline);

} // namespace eks
