const form = document.getElementById("ask");
const question = document.getElementById("question");
const send = document.getElementById("send");
const talk = document.getElementById("talk");
const mostRemembered = 39;

export function startChat() {
  const messages = [];
  form.addEventListener("submit", async submitted => {
    submitted.preventDefault();
    const text = question.value.trim();
    if (text === "" || send.disabled) {
      return;
    }

    question.value = "";
    send.disabled = true;
    talk.querySelector(".hint")?.remove();
    add("mine").words.textContent = text;
    messages.push({ fromUser: true, text });
    const answer = add("theirs");
    try {
      await stream({ messages: messages.slice(-mostRemembered) }, answer);
      messages.push({ fromUser: false, text: answer.words.textContent });
    } catch (failure) {
      messages.pop();
      answer.turn.dataset.failed = true;
      answer.note.textContent = failure.message;
    } finally {
      send.disabled = false;
      question.focus();
    }
  });
}

function add(whose) {
  const turn = document.createElement("div");
  turn.className = `turn ${whose}`;
  turn.innerHTML = "<span></span><small></small>";
  talk.append(turn);
  talk.scrollTop = talk.scrollHeight;
  return { turn, words: turn.firstChild, note: turn.lastChild };
}

async function stream(body, { words, note }) {
  const response = await fetch("api/chat", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) {
    throw new Error(`The app answered ${response.status}.`);
  }

  let isDone = false;
  for await (const { event, data } of events(response.body)) {
    if (event === "text") {
      words.textContent += data;
    } else if (event === "failed") {
      throw new Error(data);
    } else if (event === "done") {
      isDone = true;
      const attempts = data.attempts > 1 ? `, after ${data.attempts} attempts` : "";
      note.textContent = `${data.endpoint ?? "answered"}${attempts}, ${data.seconds.toFixed(1)} s`;
    }

    talk.scrollTop = talk.scrollHeight;
  }

  if (!isDone) {
    throw new Error("The answer broke off.");
  }
}

/** EventSource cannot post, so the events are read by hand. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (rest + part.value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map(line => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
      yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
