// SPDX-License-Identifier: Apache-2.0
// What of a node only EC2 can tell.
#pragma once

#include <string>

#include "node/node.hpp"

namespace eks {

struct Ec2Needs {
        bool name = false;     // the private DNS name, after which the node is named
        bool type = false;     // the instance's type, on a machine without metadata
        bool zone = false;     // its zone, likewise
        std::string limits_of; // this instance type, which our table lacks

        bool instance() const { return name || type || zone; } // DescribeInstances is called
        bool any() const { return instance() || !limits_of.empty(); }
};

// Whether the host name that the instance metadata, or a DHCP lease, has tells the private DNS name for
// sure. EC2 gives an instance one of two names: ip-A-B-C-D after its primary private address, or its id. The
// DHCP options of the VPC replace the domain only, and that of EC2 follows from the region, see
// ec2_private_name(). A host name of another form is somebody else's.
// Source: EC2 User Guide, "EC2 instance hostnames and domains".
bool tells_private_name(const InstanceFacts& facts);

// Nothing with a complete configuration and the metadata service. `node.ec2` does not count, nor do facts
// from it.
Ec2Needs ec2_needs(const NodeInputs& node);

} // namespace eks
