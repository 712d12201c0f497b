// Polls: votes by keyboard only, on a phone, without JavaScript; results that move.

import { randomUUID } from 'node:crypto';
import { expect, overflow, shop, test } from './page';
import { makePoll, untilCounted, vote } from './tally';

interface Poll {
  poll: string;
  title: string;
}

async function newPoll(): Promise<Poll> {
  const name = randomUUID().slice(0, 8);
  const made = { poll: `lunch-${name}`, title: `Lunch ${name}?` };
  await makePoll(shop.url, made.poll, made.title, ['Noodles', 'Tacos']);
  return made;
}

test('a vote by keyboard only, at 360 px', async ({ page }) => {
  const { poll, title } = await newPoll();
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(`/vote/${poll}`);
  await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
  expect(await overflow(page)).toBe(0);
  const choice = page.getByRole('radio', { name: 'Tacos' });
  for (let i = 0; i < 12 && !(await page.getByRole('radio', { name: 'Noodles' }).evaluate((r) => r === document.activeElement)); i++) {
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('ArrowDown');
  await expect(choice).toBeChecked();
  await page.keyboard.press('Enter');
  await expect(page.getByText('Your vote for Tacos is counted.')).toBeVisible();
  await expect(page.getByText('Sending it again changes nothing.')).toBeVisible();
  await expect(page.getByText('1 vote', { exact: false }).first()).toBeVisible();
});

test('a vote without JavaScript', async ({ browser }) => {
  const { poll, title } = await newPoll();
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 740 }, baseURL: shop.url });
  const page = await context.newPage();
  await page.goto(`/vote/${poll}`);
  await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
  await page.getByLabel('Noodles').check();
  await page.getByRole('button', { name: 'Vote' }).click();
  await expect(page).toHaveURL(new RegExp(`/vote/${poll}/result`));
  await expect(page.getByText(/Your vote for Noodles is (in|counted)/).filter({ visible: true })).toHaveCount(1);
  await untilCounted(shop.url);
  await page.reload();
  await expect(page.getByRole('listitem').filter({ hasText: 'Noodles' })).toContainText('100');
  await expect(page.getByText('No votes yet.')).toBeHidden();
  // A change of mind is one vote still.
  await page.goto(`/vote/${poll}`);
  await page.getByLabel('Tacos').check();
  await page.getByRole('button', { name: 'Vote' }).click();
  await untilCounted(shop.url);
  await page.reload();
  await expect(page.getByText(/^1 vote\b/).filter({ visible: true })).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: 'Tacos' })).toContainText('100');
  await context.close();
});

test('a result moves while it is looked at, and a tie is a tie', async ({ page }) => {
  const { poll } = await newPoll();
  await page.goto(`/vote/${poll}/result`);
  await expect(page.getByText('No votes yet.')).toBeVisible();
  await vote(shop.url, poll, 'Noodles', 'ann');
  await expect(page.getByText('Noodles lead by 1 vote.')).toBeVisible();
  await vote(shop.url, poll, 'Tacos', 'bob');
  await expect(page.getByText('Tied: Noodles and Tacos.')).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: 'Tacos' })).toContainText('50.0');
});

test('the polls page shows every poll and the last votes', async ({ page }) => {
  const { poll, title } = await newPoll();
  await vote(shop.url, poll, 'Noodles', 'eve');
  await untilCounted(shop.url);
  await page.goto('/polls');
  const panel = page.locator('section').filter({ has: page.getByRole('heading', { name: title }) });
  await expect(panel).toContainText('Noodles lead by 1 vote.');
  const audit = page.locator('section').filter({ has: page.getByRole('heading', { name: 'The last changes' }) });
  await expect(audit.getByRole('row').filter({ hasText: poll }).first()).toContainText('counted');
  await vote(shop.url, poll, 'Tacos', 'eve');
  await expect(panel).toContainText('Tacos lead by 1 vote.');
  await expect(audit.getByRole('row').filter({ hasText: poll }).first()).toContainText('changed from Noodles');
});
