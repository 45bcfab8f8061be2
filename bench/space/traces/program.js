// What the trace "node" shows: a heap that grows and is collected, and a worker.
const {Worker, isMainThread} = require("worker_threads");

function churn(rounds) {
	let kept = [];

	for (let i = 0; i < rounds; i++) {
		kept.push(new Array(1000).fill(i), Buffer.alloc(100000));
		if (i % 50 === 49)
			kept = kept.slice(80);
	}
	return kept.length;
}

churn(400);
if (isMainThread)
	new Worker(__filename).on("exit", () => churn(100));
