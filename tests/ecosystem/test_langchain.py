"""LangChain, and a LangGraph agent with a tool and a checkpoint."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import SecretStr

from tests.fakes import fails
from tests.flow.gateway_stage import Door, door
from workers.providers.base.call_outcome import RequestRejected


def model_of(opened: Door, model: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{opened.address}/v1",
        api_key=SecretStr("none"),
        model=model,
        stream_usage=True,
        max_retries=0,
    )


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


async def test_a_chat_a_stream_and_its_usage(opened: Door) -> None:
    model = model_of(opened, "economy")
    said = await model.ainvoke("What is the answer?")
    assert said.content == "42"
    chunks = [chunk async for chunk in model.astream("And how much does it cost to know it?")]
    assert "".join(str(chunk.content) for chunk in chunks) == "42"
    usage = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata]
    assert usage
    assert usage[-1]["total_tokens"] > 0


async def test_an_agent_calls_its_tool_and_remembers(opened: Door) -> None:
    model = model_of(opened, "tools").bind_tools([weather])

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([weather]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    agent = graph.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    ended = await agent.ainvoke({"messages": [HumanMessage("What is the weather?")]}, thread)
    kinds = [type(message).__name__ for message in ended["messages"]]
    assert kinds == ["HumanMessage", "AIMessage", "ToolMessage", "AIMessage"]
    told = ended["messages"][2]
    assert isinstance(told, ToolMessage)
    assert told.content == "sunny in Oslo"
    assert ended["messages"][-1].content == "It is sunny."
    again = await agent.ainvoke({"messages": [HumanMessage("Thank you")]}, thread)
    assert len(again["messages"]) == 6


async def test_what_is_refused_is_openais_error() -> None:
    from openai import BadRequestError  # noqa: PLC0415 as its users do

    refused = fails(RequestRejected(message="too hot"))
    async with door({"eco-a": refused}) as opened:
        with pytest.raises(BadRequestError, match="too hot"):
            await model_of(opened, "economy").ainvoke("What is the answer?")
