var axios = require("axios").default;

var options = {
  method: 'PATCH',
  url: `${process.env.BASE_URL}/api/v2/resource-servers/${process.env.API_ID}`,
  headers: {
    'content-type': 'application/json',
    authorization: `Bearer ${process.env.MGMT_API_ACCESS_TOKEN}`,
    'cache-control': 'no-cache'
  },
  data: {
    scopes: JSON.parse(process.env.PERMISSIONS)
  }
};

axios.request(options).then(function (response) {
  console.log(response.data);
}).catch(function (error) {
  console.error(error.message, error.response && error.response.data);
  process.exitCode = 1;
});
