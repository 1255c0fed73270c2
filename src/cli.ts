#!/usr/bin/env node
import { main } from './cli/main.js';
import { terminal } from './cli/io.js';

process.exitCode = await main(process.argv.slice(2), terminal());
