// SPDX-License-Identifier: Apache-2.0
#include "verbs/set/set.hpp"

int main(int argc, char** argv)
{
        return eks::run_set(argc, argv);
}
