async function check(key, permission) {
  const response = await fetch({{ v.q(v.verify_url().as_str()) }}, {
    method: "POST",
    headers: {
      authorization: `Bearer ${process.env.ROOT_KEY}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ key, permissions: permission }),
  });
  if (!response.ok) throw new Error(`not checked: ${response.status} ${await response.text()}`);
  const { data } = await response.json();
  if (!data.valid) throw new Error(`refused: ${data.code}`);
  return data;
}

console.log(await check(process.env.API_KEY, {{ v.q(v.permission.as_str()) }}));
