// SPDX-License-Identifier: Apache-2.0
// What the net tests talk to: tests/fake-aws on an ephemeral port of 127.0.0.1, and a canned gRPC server on
// a socket. Both are children of the test and ended by their process id.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "net/containerd.hpp"
#include "net/imds.hpp"
#include "support.hpp"

namespace test {

class FakeAws {
public:
        explicit FakeAws(const std::string& profile = "m5.large.json");
        FakeAws(const FakeAws&) = delete;
        FakeAws& operator=(const FakeAws&) = delete;
        ~FakeAws();

        const std::string& endpoint() const { return endpoint_; } // "http://127.0.0.1:PORT"
        void set_user_data(const std::string& bytes) const { files_.write("/user-data", bytes); }
        void set_faults(const nlohmann::json& faults) const; // counters start over
        void set_clusters(const nlohmann::json& clusters) const
        {
                files_.write("/clusters", clusters.dump());
        }
        void set_queries(const nlohmann::json& queries) const // of EC2 and STS
        {
                files_.write("/queries", queries.dump());
        }
        std::vector<nlohmann::json> requests() const; // what was asked so far
        long count(const std::string& method, const std::string& path) const;

private:
        TemporaryDirectory files_;
        std::string endpoint_;
        pid_t pid_ = -1;
};

eks::ImdsClient client_of(const FakeAws& aws, std::chrono::milliseconds timeout = std::chrono::seconds(60));

// Answers over TLS, with a certificate that nobody has signed.
class TlsServer {
public:
        TlsServer();
        TlsServer(const TlsServer&) = delete;
        TlsServer& operator=(const TlsServer&) = delete;
        ~TlsServer();

        const std::string& endpoint() const { return endpoint_; } // "https://localhost:PORT"

private:
        TemporaryDirectory files_;
        std::string endpoint_;
        pid_t pid_ = -1;
};

std::string closed_endpoint(); // "http://127.0.0.1:PORT", where nobody listens

// What one call is answered.
struct GrpcAnswer {
        std::string message = {};
        std::string grpc_status = "0"; // "" leaves it out
        std::string grpc_message = {};
        std::string http_status = "200";
        bool trailers_only = false; // as gRPC servers answer errors
};

// Answers one call a connection, in order, then stops listening.
class GrpcServer {
public:
        explicit GrpcServer(std::vector<GrpcAnswer> answers);
        GrpcServer(const GrpcServer&) = delete;
        GrpcServer& operator=(const GrpcServer&) = delete;
        ~GrpcServer();

        std::string socket() const { return files_("/socket"); }
        std::string request(std::size_t number) const
        {
                return files_.read("/request-" + std::to_string(number));
        } // framed

private:
        TemporaryDirectory files_;
        pid_t pid_ = -1;
};

eks::ContainerdClient client_of(const GrpcServer& server);

// A message of Protocol Buffers of fields that are strings or messages.
std::string message(const std::vector<std::pair<unsigned, std::string>>& fields);

} // namespace test
