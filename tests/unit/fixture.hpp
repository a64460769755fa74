// SPDX-License-Identifier: Apache-2.0
// A made-up node: the vendor files of the source tree, two CPUs, and the reference cluster on the reference
// instance (an m4.xlarge in us-west-2f; see kubelet-config.json and its neighbours in
// tests/unit/reference/).
#pragma once

#include <string>

#include "documents.hpp"
#include "node/node.hpp"
#include "support.hpp"

namespace test {

class ReferenceNode : public TemporaryDirectory {
public:
        ReferenceNode();

        // What a step is given. `spec` is what stands below `spec:`, after the reference cluster.
        eks::NodeInputs inputs(const std::string& spec = {}, eks::Version kubelet = {1, 35, 0},
                eks::Version containerd = {1, 7, 27}) const;

        void set_cpus(unsigned count) const;
};

// A configuration of several documents, as the layers of a node are merged.
eks::Layer merged_layers(const std::vector<std::string>& specs);

// The plan's file of that path. Fails the test if there is not exactly one.
const eks::File& file_in(const eks::StepPlan& plan, const std::string& path);

// A file of tests/unit/reference/.
std::string reference(const std::string& name);

// Base64 of the throw-away CA certificate, and the certificate.
extern const std::string ca_base64;
std::string ca_certificate();

} // namespace test
