// The system's Chromium, as the tests use it, for programs that are no tests.

import type { Browser } from '@playwright/test';
import { chromium } from '@playwright/test';
import config from '../../playwright.config';

export function launch(): Promise<Browser> {
  return chromium.launch(config.use!.launchOptions);
}
