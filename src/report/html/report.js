// The whole behaviour of a report. It reads the page and asks nothing of any network.
const all = (selector, root = document) => [...root.querySelectorAll(selector)]
const one = selector => document.querySelector(selector)

// ── pictures: put in when a case is opened, so that a page of a hundred cases opens at once
const pictures = JSON.parse(one('#pictures').textContent)

function fill(details) {
  for (const image of all('img[data-picture]:not([src])', details))
    image.src = pictures[image.dataset.picture]
}
for (const details of all('details')) details.addEventListener('toggle', () => details.open && fill(details))

// ── slider between golden and engine
for (const slider of all('.slider')) {
  const move = () => slider.parentElement.style.setProperty('--split', `${slider.value}%`)
  slider.addEventListener('input', move)
  move()
}

// ── a worst pixel is shown on every picture of its output
for (const button of all('.place'))
  button.addEventListener('click', () => {
    const output = button.closest('.output')
    const on = button.getAttribute('aria-pressed') !== 'true'
    for (const other of all('.place', output))
      other.setAttribute('aria-pressed', String(other === button && on))
    for (const marker of all('.marker', output)) {
      marker.hidden = !on
      marker.style.left = `${button.dataset.left}%`
      marker.style.top = `${button.dataset.top}%`
    }
    const stage = output.querySelector('.stage')
    const { top, bottom } = stage.getBoundingClientRect()
    if (on && (bottom < 80 || top > innerHeight - 80)) stage.scrollIntoView({ block: 'center' })
  })

// ── filter
const [find, precision, engine, shown, none] = ['#find', '#precision', '#engine', '#shown', '#none'].map(one)
const boxes = all('[name=status]')
const cases = all('.case')

function filter() {
  const words = find.value.toLowerCase().split(/\s+/)
  const wanted = new Set(boxes.filter(box => box.checked).map(box => box.value))
  let count = 0
  for (const item of cases) {
    const { status, words: text } = item.dataset
    item.hidden = !(
      wanted.has(status) &&
      (precision.value === '' || precision.value === item.dataset.precision) &&
      (engine.value === '' || engine.value === item.dataset.engine) &&
      words.every(word => text.includes(word))
    )
    if (!item.hidden) count++
  }
  shown.textContent = `${count} of ${cases.length} shown`
  none.hidden = count > 0
}
one('.filter').addEventListener('input', filter)
one('.filter').addEventListener('submit', event => event.preventDefault())

for (const cell of all('.cell'))
  cell.addEventListener('click', () => {
    precision.value = cell.dataset.precision
    engine.value = cell.dataset.engine
    find.value = ''
    for (const box of boxes) box.checked = true
    filter()
    one('.cases').scrollIntoView()
    find.focus({ preventScroll: true })
  })

// ── a link to a case opens it, whatever the filter says
function openTarget() {
  const details = document.getElementById(location.hash.slice(1))
  if (details?.tagName !== 'DETAILS') return
  details.parentElement.hidden = false
  details.open = true
  details.scrollIntoView()
}
addEventListener('hashchange', openTarget)
for (const link of all('.overview a')) link.addEventListener('click', () => setTimeout(openTarget))

// ── the first failure is what a reader came for
const first = one('.case.fail details, .case.broken details')
if (location.hash) openTarget()
else if (first) first.open = true
