// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/version.hpp"

using namespace eks;

TEST_CASE("The version is found in what daemons print", "[version]")
{
        struct Row {
                const char* text;
                std::optional<Version> version;
        };
        const auto row = GENERATE(values<Row>({
                {"Kubernetes v1.35.0-eks-5e0fdde", Version{1, 35, 0}},
                {"Kubernetes v1.34.1-eks-113cf36\n", Version{1, 34, 1}},
                {"containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4da\n",
                        Version{1, 7, 27}},
                {"containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u1\n",
                        Version{1, 6, 20}},
                {"containerd github.com/containerd/containerd/v2 2.0.5 "
                 "fb4c30d4ede3531652d86197bf3fc9515e5276d9\n",
                        Version{2, 0, 5}},
                {"v1.29", Version{1, 29, 0}},
                {"1.31.10", Version{1, 31, 10}},
                {"1.34.", Version{1, 34, 0}},
                {"1.2.3.4", Version{1, 2, 3}},
                {"7 1.30.2", Version{1, 30, 2}},
                {"v1", std::nullopt},
                {"", std::nullopt},
                {"unknown", std::nullopt},
                {"1 . 2", std::nullopt},
                {".1", std::nullopt},
                {"99999999999.1.2", std::nullopt},
        }));

        CAPTURE(row.text);
        CHECK(find_version(row.text) == row.version);
}

TEST_CASE("Versions are compared as numbers", "[version]")
{
        CHECK(Version{1, 9, 0} < Version{1, 10, 0});
        CHECK(Version{1, 29, 99} < Version{1, 30, 0});
        CHECK(Version{2, 0, 0} > Version{1, 99, 99});
        CHECK(Version{1, 32, 0} >= Version{1, 32, 0});
        CHECK(Version{1, 34, 1}.text() == "1.34.1");
}
