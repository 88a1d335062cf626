/** Looks of the page that `depthgate explain --html` writes. */
export const style = `
:root { color-scheme: light dark }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.hint { opacity: .75; font-size: .9rem }
svg { width: 100%; height: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
.plain th { text-align: left; font-weight: 600; padding-right: 1rem }
#nodes { width: 100%; font-size: .85rem }
#nodes th { position: sticky; top: 0; background: Canvas; text-align: left; cursor: pointer; border-bottom: 2px solid; padding: .3rem .5rem }
#nodes td { padding: .15rem .5rem; border-bottom: 1px solid #8883; overflow-wrap: anywhere }
#nodes td:nth-child(n+4):not(:nth-child(8)) { text-align: right; white-space: nowrap }
#nodes .block td { background: #8882; cursor: pointer; text-align: right; white-space: nowrap }
#nodes .block td:first-child { text-align: left }
#nodes .folded tr:not(.block), #nodes .flat .block, #nodes tr.out { display: none }
#nodes .block td:first-child::before { content: '▾ ' } #nodes .folded .block td:first-child::before { content: '▸ ' }
i { opacity: .6; font-style: normal }
input, button { font: inherit; padding: .25rem .5rem }
`

/** Sorting, folding and search of that page. */
export const script = `
const table = document.getElementById('nodes')
const bodies = [...table.tBodies]
const blocks = bodies.map(body => [...body.rows])
const search = document.getElementById('search')
function byModule() {
  for (const body of [...table.tBodies]) body.remove()
  bodies.forEach((body, i) => { body.append(...blocks[i]); table.append(body) })
}
function sortBy(column, kind, down) {
  const rows = blocks.flatMap(rows => rows.slice(1))
  const value = row => row.cells[column].dataset.sort
  const order = kind === 'number'
    ? (a, b) => Number(value(a)) - Number(value(b)) || 0
    : (a, b) => value(a).localeCompare(value(b))
  rows.sort((a, b) => (down ? -1 : 1) * order(a, b))
  for (const body of [...table.tBodies]) body.remove()
  const flat = document.createElement('tbody')
  flat.className = 'flat'
  flat.append(...rows)
  table.append(flat)
}
let sorted
for (const [column, head] of [...table.tHead.rows[0].cells].entries())
  head.addEventListener('click', () => {
    const down = sorted?.column === column ? !sorted.down : head.dataset.kind === 'number'
    sorted = { column, down }
    sortBy(column, head.dataset.kind, down)
  })
document.getElementById('blocks').addEventListener('click', () => { sorted = undefined; byModule() })
table.addEventListener('click', ({ target }) => {
  const row = target.closest('.block')
  if (row) row.parentElement.classList.toggle('folded')
})
search.addEventListener('input', () => {
  const text = search.value.toLowerCase()
  for (const rows of blocks)
    for (const row of rows.slice(1)) row.classList.toggle('out', !row.textContent.toLowerCase().includes(text))
  if (text !== '' && !sorted) for (const body of bodies) body.classList.remove('folded')
})
`
