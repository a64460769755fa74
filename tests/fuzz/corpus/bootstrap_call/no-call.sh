#!/bin/bash
echo bootstrap.sh
