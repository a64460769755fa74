// SPDX-License-Identifier: Apache-2.0
// The verbs that need no network: each a main(), in one program, since what they link is the same and large.
#pragma once

namespace eks {

int apply_verb(int argc, char** argv);
int config_verb(int argc, char** argv);
int explain_verb(int argc, char** argv);
int plan_verb(int argc, char** argv);
int runtimes_verb(int argc, char** argv);
int set_verb(int argc, char** argv);
int unset_verb(int argc, char** argv);
int validate_verb(int argc, char** argv);

} // namespace eks
